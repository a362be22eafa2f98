# Completion of ambassador-server for bash. Made from its command line by `make docs`; do not edit.

# Sets `commands` and `options` to what may follow the command `path`.
_ambassador_server_words() {
    local shared="-h --help"
    commands="" options=""
    case $path in
        "") commands="quickstart init serve migrate check version audit vault" options="-V --version $shared" ;;
        "quickstart") options="--data-dir --hostname --mcp --url --user --group --port --admin-port $shared" ;;
        "init") options="--data-dir --config --database-url --hostname --admin-key-name --new-admin-key --json $shared" ;;
        "serve") options="--data-dir --config --database-url --host --port --admin-host --admin-port --tls --lame-duck --legacy-sse --ready-file $shared" ;;
        "migrate") options="--data-dir --config --database-url $shared" ;;
        "check") options="--data-dir --config --database-url --json $shared" ;;
        "version") options="$shared" ;;
        "audit") commands="reindex quarantine anchor verify accept-loss rotate-key" options="$shared" ;;
        "audit reindex") options="--data-dir --config --database-url --resume $shared" ;;
        "audit quarantine") options="--data-dir --config --dry-run --yes --json $shared" ;;
        "audit anchor") options="--data-dir --config --json $shared" ;;
        "audit verify") options="--data-dir --config --anchor --offline --json $shared" ;;
        "audit accept-loss") options="--data-dir --config --database-url $shared" ;;
        "audit rotate-key") options="--data-dir --config --json $shared" ;;
        "vault") commands="status new-key rotate" options="$shared" ;;
        "vault status") options="--data-dir --config --database-url --json $shared" ;;
        "vault new-key") options="--data-dir --config --database-url --json $shared" ;;
        "vault rotate") options="--data-dir --config --database-url --batch --json $shared" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what belongs behind the option $1 of the command `path`; a flag takes nothing.
_ambassador_server_option() {
    takes="" choices="" live=""
    case $path:$1 in
        *:--data-dir) takes=directory ;;
        *:--hostname | *:--mcp | *:--url | *:--user | *:--group | *:--port | *:--admin-port | *:--database-url | *:--admin-key-name | *:--host | *:--admin-host | *:--lame-duck | *:--batch) takes=word ;;
        *:--config | *:--ready-file | *:--anchor | *:--offline) takes=file ;;
        *:--tls) takes=word choices="on off" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what the command `path` takes as its argument number $1.
_ambassador_server_argument() {
    takes="" choices="" live=""
    case $path:$1 in

    esac
}

_ambassador_server() {
    local commands options takes choices live IFS=$' \t\n'
    local path="" place=1 expected="" literal="" before="" kept cur word raw broken="" i
    local rest=${COMP_LINE#*"${COMP_WORDS[0]}"}
    local -a words
    words=() COMPREPLY=()

    # Bash ends words at = and :, too. What has no blank in between is one word to the program.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        raw=${COMP_WORDS[i]}
        [[ $raw && -z ${raw//[=:]/} ]] && broken=1
        if [[ $broken && $i -gt 1 && $rest != [[:blank:]]* ]]; then
            words[${#words[@]}-1]+=$raw
        else
            words[${#words[@]}]=$raw
        fi
        [[ -z $raw || ${raw//[=:]/} ]] && broken=""
        rest=${rest#*"$raw"}
    done
    cur=${words[${#words[@]}-1]}
    # Bash replaces what comes after the last of them only.
    if [[ $broken ]]; then kept=$cur; else kept=${cur%"$raw"}; fi

    _ambassador_server_words
    for ((i = 0; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $expected ]]; then
            expected=""
        elif [[ $literal ]]; then
            ((place++))
        elif [[ $word == -- ]]; then
            literal=1
        elif [[ $word == -* ]]; then
            _ambassador_server_option "$word"
            expected=$takes
        elif [[ " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            _ambassador_server_words
        else
            ((place++))
        fi
    done

    takes="" choices="" live=""
    if [[ $expected ]]; then
        _ambassador_server_option "$word"
    elif [[ -z $literal && $cur == --*=* ]]; then
        before=${cur%%=*}=
        _ambassador_server_option "${cur%%=*}"
    elif [[ -z $literal && $cur == -* ]]; then
        choices=$options
    elif [[ $commands ]]; then
        choices=$commands
    else
        _ambassador_server_argument "$place"
    fi
    case $takes in
        file) compopt -o default 2>/dev/null ;;
        directory) compopt -o dirnames 2>/dev/null ;;
    esac
    for word in $choices; do
        word=$before$word
        [[ $word == "$cur"* ]] && COMPREPLY[${#COMPREPLY[@]}]=${word#"$kept"}
    done
    return 0
}

complete -F _ambassador_server ambassador-server
