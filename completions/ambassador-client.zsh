#compdef ambassador-client
# Completion of ambassador-client for zsh. Made from its command line by `make docs`; do not edit.

_ambassador-client() {
    local -a said=("${(@)words}")
    local -a shared=(
        '(- : *)'{-h,--help}'[Show the help and exit.]'
    )
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'proxy:Relay between an AI application and the server; this is what applications start.'
        'status:Tell whether the server is reachable, accepts the key, and how many tools it has for you.'
        'version:Print the versions of the client and of the protocols it speaks.'
    )
    _arguments -C -s -S : \
        '(- : *)'--version'[Print the version.]' \
        $shared \
        '(: *)'--config='[JSON file with settings.]:FILE:_files' \
        '(: *)'--server='[Address of the server.]:URL: ' \
        '(: *)'--ca-file='[Trust only the CA certificates in this PEM file.]:FILE:_files' \
        '(: *)'--friendly-name='[How administrators see this client.]:NAME: ' \
        '(: *)'--host-tool='[The application this client works for.]:TOOL:(vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom)' \
        '(: *)'--heartbeat-interval='[How often the server hears that we are here, from 15 to 300.]:SECONDS: ' \
        '(: *)'--allow-self-signed'[Believe any certificate\: for trials only.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                proxy) _ambassador-client_proxy ;;
                status) _ambassador-client_status ;;
                version) _ambassador-client_version ;;
            esac
            ;;
    esac
}

_ambassador-client_proxy() {
    _arguments -s -S : \
        --config='[JSON file with settings.]:FILE:_files' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only the CA certificates in this PEM file.]:FILE:_files' \
        --friendly-name='[How administrators see this client.]:NAME: ' \
        --host-tool='[The application this client works for.]:TOOL:(vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom)' \
        --heartbeat-interval='[How often the server hears that we are here, from 15 to 300.]:SECONDS: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        $shared
}

_ambassador-client_status() {
    _arguments -s -S : \
        --config='[JSON file with settings.]:FILE:_files' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_version() {
    _arguments -s -S : \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _ambassador-client ]]; then
    _ambassador-client "$@"
else
    compdef _ambassador-client ambassador-client
fi
