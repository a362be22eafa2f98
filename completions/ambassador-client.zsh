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
        'status:Tell whether the server is reachable, accepts the key, who that makes you, and how many tools it has for you.'
        'login:Log in to a server, by a key or a one-time code, and keep that as an account.'
        'logout:End the sessions of an account and forget its key; the key itself stays good until it is revoked.'
        'whoami:Show who you are to the server.'
        'accounts:List the accounts of this machine.'
        'call:Call a tool. Text goes to standard output, what happens meanwhile to standard error.'
        'subscribe:Take the tools of an MCP that is granted for opting in; all of them, or those that match.'
        'unsubscribe:Take back what this client has chosen of an MCP\: what is opted in to goes, what comes by itself comes back.'
        'select:Narrow an MCP to the tools that match, for this client; it never gets more than is granted.'
        'doctor:Look at everything between this machine and your tools, in order, and say what mends it.'
        'bugreport:Print what somebody who helps needs to know\: versions, settings and what the doctor says, and never a secret.'
        'version:Print the versions of the client and of the protocols it speaks.'
        'install:Let AI applications start this client.'
        'uninstall:Take this client out of the files of AI applications; whatever else is in them stays.'
        'undo:Put the files back as they were before the last install or uninstall.'
        'account:Choose among the accounts logged in to.'
        'key:The key of an account.'
        'tools:The tools you may call.'
        'catalog:The MCPs that are granted to you.'
        'errors:What the codes of errors mean.'
        'help:The environment variables and the exit codes.'
        'hosts:Tell which AI applications are there, and whether they start this client.'
    )
    _arguments -C -s -S : \
        '(- : *)'--version'[Print the version.]' \
        $shared \
        '(: *)'--config='[JSON file with settings.]:FILE:_files' \
        '(: *)'--server='[Address of the server.]:URL: ' \
        '(: *)'--ca-file='[Trust only the CA certificates in this PEM file.]:FILE:_files' \
        '(: *)'--fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        '(: *)'--account='[The account to use, of those logged in to.]:NAME: ' \
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
                login) _ambassador-client_login ;;
                logout) _ambassador-client_logout ;;
                whoami) _ambassador-client_whoami ;;
                accounts) _ambassador-client_accounts ;;
                call) _ambassador-client_call ;;
                subscribe) _ambassador-client_subscribe ;;
                unsubscribe) _ambassador-client_unsubscribe ;;
                select) _ambassador-client_select ;;
                doctor) _ambassador-client_doctor ;;
                bugreport) _ambassador-client_bugreport ;;
                version) _ambassador-client_version ;;
                install) _ambassador-client_install ;;
                uninstall) _ambassador-client_uninstall ;;
                undo) _ambassador-client_undo ;;
                account) _ambassador-client_account ;;
                key) _ambassador-client_key ;;
                tools) _ambassador-client_tools ;;
                catalog) _ambassador-client_catalog ;;
                errors) _ambassador-client_errors ;;
                help) _ambassador-client_help ;;
                hosts) _ambassador-client_hosts ;;
            esac
            ;;
    esac
}

_ambassador-client_proxy() {
    _arguments -s -S : \
        --config='[JSON file with settings.]:FILE:_files' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only the CA certificates in this PEM file.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --friendly-name='[How administrators see this client.]:NAME: ' \
        --host-tool='[The application this client works for.]:TOOL:(vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom)' \
        --heartbeat-interval='[How often the server hears that we are here, from 15 to 300.]:SECONDS: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        $shared
}

_ambassador-client_status() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_login() {
    _arguments -s -S : \
        --key-from='[The key, or a one-time code\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --code='[The one-time code your administrator told you.]:CODE: ' \
        --keep-default'[Leave the default account as it is.]' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':URL: '
}

_ambassador-client_logout() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_whoami() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_accounts() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_call() {
    _arguments -s -S : \
        --json='[All arguments as an object; - for stdin.]:JSON: ' \
        --save='[Write images and other data into files here.]:DIR:_files' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':TOOL: ' \
        '*:\[KEY=VALUE\]...: '
}

_ambassador-client_subscribe() {
    _arguments -s -S : \
        '*'--tool='[Only tools like this, such as read_*; may be repeated.]:PATTERN: ' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':MCP: '
}

_ambassador-client_unsubscribe() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':MCP: '
}

_ambassador-client_select() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':MCP: ' \
        '*:PATTERN...: '
}

_ambassador-client_doctor() {
    _arguments -s -S : \
        --fix'[Mend what cannot do harm\: file modes, worthless cached sessions.]' \
        --json'[The same as -o json.]' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_bugreport() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_version() {
    _arguments -s -S : \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_install() {
    _arguments -s -S : \
        --all'[All applications that are there.]' \
        --account='[Account of `login`, named in the entry.]:NAME: ' \
        --config='[JSON file with settings, named in the entry.]:FILE:_files' \
        --server='[Address of the server, named in the entry.]:URL: ' \
        --ca-file='[CA certificates, named in the entry.]:FILE:_files' \
        --dry-run'[Show the differences and change nothing.]' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_uninstall() {
    _arguments -s -S : \
        --all'[All applications that start us.]' \
        --dry-run'[Show the differences and change nothing.]' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_undo() {
    _arguments -s -S : \
        --dry-run'[Show the differences and change nothing.]' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_account() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'use:Make an account the default one.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                use) _ambassador-client_account_use ;;
            esac
            ;;
    esac
}

_ambassador-client_account_use() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':NAME: '
}

_ambassador-client_key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'rotate:Take a new key in place of the one in use, which stays good for the overlap.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                rotate) _ambassador-client_key_rotate ;;
            esac
            ;;
    esac
}

_ambassador-client_key_rotate() {
    _arguments -s -S : \
        --overlap='[How long the old key stays good\: 30m, 12h, 7d.]:DURATION: ' \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_tools() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the tools you may call.'
        'show:Show a tool\: what it does and which arguments it takes.'
        'search:List the tools whose name or description holds a word.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_tools_list ;;
                show) _ambassador-client_tools_show ;;
                search) _ambassador-client_tools_search ;;
            esac
            ;;
    esac
}

_ambassador-client_tools_list() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_tools_show() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':TOOL: '
}

_ambassador-client_tools_search() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':WORD: '
}

_ambassador-client_catalog() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the MCPs of which something is granted to you, and what this client has chosen.'
        'show:Show the tools of an MCP that are granted to you, and which of them this client has.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_catalog_list ;;
                show) _ambassador-client_catalog_show ;;
            esac
            ;;
    esac
}

_ambassador-client_catalog_list() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_catalog_show() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':MCP: '
}

_ambassador-client_errors() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List every code and what it means.'
        'show:Say what a code means and what to do.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_errors_list ;;
                show) _ambassador-client_errors_show ;;
            esac
            ;;
    esac
}

_ambassador-client_errors_list() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_errors_show() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        ':CODE: '
}

_ambassador-client_help() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'environment:List the environment variables.'
        'exit-codes:List the exit codes.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                environment) _ambassador-client_help_environment ;;
                exit-codes) _ambassador-client_help_exit-codes ;;
            esac
            ;;
    esac
}

_ambassador-client_help_environment() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_help_exit-codes() {
    _arguments -s -S : \
        --account='[The account to use, of those logged in to.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Believe any certificate\: for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared
}

_ambassador-client_hosts() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'print:Print what `install` would write, to enter it by hand.'
    )
    _arguments -C -s -S : \
        '(-o --output)'{-o+,--output=}'[The format of the answer.]:WORD:(table json)' \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                print) _ambassador-client_hosts_print ;;
            esac
            ;;
    esac
}

_ambassador-client_hosts_print() {
    _arguments -s -S : \
        --account='[Account of `login`, named in the entry.]:NAME: ' \
        --config='[JSON file with settings, named in the entry.]:FILE:_files' \
        --server='[Address of the server, named in the entry.]:URL: ' \
        --ca-file='[CA certificates, named in the entry.]:FILE:_files' \
        $shared \
        ':HOST:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _ambassador-client ]]; then
    _ambassador-client "$@"
else
    compdef _ambassador-client ambassador-client
fi
