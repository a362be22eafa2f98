# Completion of ambassador-client for bash. Made from its command line by `make docs`; do not edit.

# Sets `commands` and `options` to what may follow the command `path`.
_ambassador_client_words() {
    local shared="-h --help"
    commands="" options=""
    case $path in
        "") commands="proxy status login logout whoami accounts call subscribe unsubscribe select meta-tools connect disconnect connections doctor bugreport version install uninstall undo account key tools resources prompts catalog credential request errors help hosts" options="--config --server --ca-file --fingerprint --account --friendly-name --host-tool --heartbeat-interval --allow-self-signed --version $shared" ;;
        "proxy") options="-h --help --config --server --ca-file --fingerprint --account --friendly-name --host-tool --heartbeat-interval --allow-self-signed" ;;
        "status") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "login") options="--sso --issuer --device --machine --cert --cert-key --cert-passphrase-from --key-from --code --keep-default --replace --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "logout") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "whoami") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "accounts") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "call") options="--json --save --allow-unknown --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "subscribe") options="--tool --resource --prompt --allow-unmatched --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "unsubscribe") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "select") options="--resource --prompt --allow-unmatched --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "meta-tools") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "connect") options="--no-browser --device --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "disconnect") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "connections") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "doctor") options="--fix --json --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "bugreport") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "version") options="-o --output $shared" ;;
        "install") options="--all --account --config --server --ca-file --dry-run -o --output $shared" ;;
        "uninstall") options="--all --dry-run -o --output $shared" ;;
        "undo") options="--dry-run -o --output $shared" ;;
        "account") commands="use" options="$shared" ;;
        "account use") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "key") commands="rotate" options="$shared" ;;
        "key rotate") options="--overlap --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "tools") commands="list show search" options="$shared" ;;
        "tools list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "tools show") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "tools search") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "resources") commands="list read" options="$shared" ;;
        "resources list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "resources read") options="--save --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "prompts") commands="list get" options="$shared" ;;
        "prompts list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "prompts get") options="--save --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "catalog") commands="list show" options="$shared" ;;
        "catalog list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "catalog show") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "credential") commands="list set remove" options="$shared" ;;
        "credential list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "credential set") options="--from --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "credential remove") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request") commands="access list show cancel approve deny" options="$shared" ;;
        "request access") options="--reason --for --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request list") options="--to-decide --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request show") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request cancel") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request approve") options="--reason --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "request deny") options="--reason --account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "errors") commands="list show" options="$shared" ;;
        "errors list") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "errors show") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "help") commands="environment exit-codes" options="$shared" ;;
        "help environment") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "help exit-codes") options="--account --server --ca-file --fingerprint --allow-self-signed --config -o --output $shared" ;;
        "hosts") commands="print" options="-o --output $shared" ;;
        "hosts print") options="--account --config --server --ca-file $shared" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what belongs behind the option $1 of the command `path`; a flag takes nothing.
_ambassador_client_option() {
    takes="" choices="" live=""
    case $path:$1 in
        *:--config | *:--ca-file | *:--cert | *:--cert-key | *:--save) takes=file ;;
        *:--server | *:--fingerprint | *:--account | *:--friendly-name | *:--heartbeat-interval | *:--issuer | *:--machine | *:--cert-passphrase-from | *:--key-from | *:--code | "call":--json | *:--tool | *:--resource | *:--prompt | *:--overlap | *:--from | *:--reason | *:--for) takes=word ;;
        *:--host-tool) takes=word choices="vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom" ;;
        *:-o | *:--output) takes=word choices="table wide json yaml jsonl csv name" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what the command `path` takes as its argument number $1.
_ambassador_client_argument() {
    takes="" choices="" live=""
    case $path:$1 in
        "meta-tools":1) takes=word choices="on off inherit" ;;
        "install":*) takes=word choices="claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed" ;;
        "uninstall":*) takes=word choices="claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed" ;;
        "undo":*) takes=word choices="claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed" ;;
        "hosts print":1) takes=word choices="claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed" ;;
    esac
}

_ambassador_client() {
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

    _ambassador_client_words
    for ((i = 0; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $expected ]]; then
            expected=""
        elif [[ $literal ]]; then
            ((place++))
        elif [[ $word == -- ]]; then
            literal=1
        elif [[ $word == -* ]]; then
            if [[ -z $path && " --config --server --ca-file --fingerprint --account --friendly-name --host-tool --heartbeat-interval --allow-self-signed " == *" ${word%%=*} "* ]]; then
                path=proxy
                _ambassador_client_words
            fi
            _ambassador_client_option "$word"
            expected=$takes
        elif [[ " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            _ambassador_client_words
        else
            ((place++))
        fi
    done

    takes="" choices="" live=""
    if [[ $expected ]]; then
        _ambassador_client_option "$word"
    elif [[ -z $literal && $cur == --*=* ]]; then
        before=${cur%%=*}=
        _ambassador_client_option "${cur%%=*}"
    elif [[ -z $literal && $cur == -* ]]; then
        choices=$options
    elif [[ $commands ]]; then
        choices=$commands
    else
        _ambassador_client_argument "$place"
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

complete -F _ambassador_client ambassador-client
