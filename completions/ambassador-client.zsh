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
        'proxy:Relay between an AI application and the server. AI applications start this command.'
        'status:Show whether the server is reachable and accepts your key or certificate; show your user and number of tools.'
        'login:Log in to a server with a key, a code, a certificate or your organisation'\''s account, and save it as an account.'
        'logout:End the sessions of an account and delete its key from this machine. The key stays valid until it is revoked.'
        'whoami:Show your user and groups at the server, and the key or certificate it knows you by.'
        'accounts:List the accounts on this machine.'
        'call:Call a tool. Text goes to standard output, progress and messages to standard error.'
        'subscribe:Subscribe this client to an MCP with an opt-in grant\: to all of it, or to what matches.'
        'unsubscribe:Delete this client'\''s subscription or selection of an MCP. What automatic grants permit comes back.'
        'select:Limit this client to what matches of an MCP; a selection never adds anything.'
        'meta-tools:Choose whether AI applications with this key search the tools (on) or list all of them (off).'
        'connect:Grant the server access to an MCP in your name. Your browser opens the page where you consent.'
        'disconnect:End the access to an MCP that you have granted, also at its provider, where that offers it.'
        'connections:List the MCPs that you connect to, whether you have, and with which scopes. No secret is shown.'
        'doctor:Check everything between this machine and your tools, in order, and show how to fix problems.'
        'bugreport:Print a report for support\: versions, settings and the result of `doctor`, without secrets.'
        'version:Print the version of the client and the protocol versions it supports.'
        'install:Configure AI applications to start this client.'
        'uninstall:Remove this client from the files of AI applications; the rest of the files stays.'
        'undo:Restore the files to their state before the last install or uninstall.'
        'account:Change the default account.'
        'key:The key of an account.'
        'tools:The tools you may call.'
        'resources:The resources you may read.'
        'prompts:The prompts you may get.'
        'catalog:The MCPs that you are granted.'
        'credential:Your credentials for MCPs\: what you have given, and what is missing.'
        'request:Requests that another person decides\: yours, and those that you decide.'
        'errors:The error codes and their meaning.'
        'help:The environment variables and the exit codes.'
        'hosts:List the AI applications, and whether they are installed and start this client.'
    )
    _arguments -C -s -S : \
        '(- : *)'--version'[Print the version.]' \
        $shared \
        '(: *)'--config='[JSON file with settings.]:FILE:_files' \
        '(: *)'--server='[Address of the server.]:URL: ' \
        '(: *)'--ca-file='[Trust only the CA certificates in this PEM file.]:FILE:_files' \
        '(: *)'--fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        '(: *)'--account='[Name of the account to use.]:NAME: ' \
        '(: *)'--friendly-name='[Name of this client as shown to administrators.]:NAME: ' \
        '(: *)'--host-tool='[The AI application that starts this client.]:TOOL:(vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom)' \
        '(: *)'--heartbeat-interval='[Interval of the heartbeats to the server, from 15 to 300.]:SECONDS: ' \
        '(: *)'--allow-self-signed'[Accept any certificate; for trials only.]' \
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
                meta-tools) _ambassador-client_meta-tools ;;
                connect) _ambassador-client_connect ;;
                disconnect) _ambassador-client_disconnect ;;
                connections) _ambassador-client_connections ;;
                doctor) _ambassador-client_doctor ;;
                bugreport) _ambassador-client_bugreport ;;
                version) _ambassador-client_version ;;
                install) _ambassador-client_install ;;
                uninstall) _ambassador-client_uninstall ;;
                undo) _ambassador-client_undo ;;
                account) _ambassador-client_account ;;
                key) _ambassador-client_key ;;
                tools) _ambassador-client_tools ;;
                resources) _ambassador-client_resources ;;
                prompts) _ambassador-client_prompts ;;
                catalog) _ambassador-client_catalog ;;
                credential) _ambassador-client_credential ;;
                request) _ambassador-client_request ;;
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
        --account='[Name of the account to use.]:NAME: ' \
        --friendly-name='[Name of this client as shown to administrators.]:NAME: ' \
        --host-tool='[The AI application that starts this client.]:TOOL:(vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom)' \
        --heartbeat-interval='[Interval of the heartbeats to the server, from 15 to 300.]:SECONDS: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        $shared
}

_ambassador-client_status() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_login() {
    _arguments -s -S : \
        --sso'[Sign in with the account of your organisation, in the browser.]' \
        --issuer='[Who signs you in with --sso, if there are several.]:NAME: ' \
        --device'[With --sso\: enter a code in a browser on any machine.]' \
        --machine='[With --sso\: the name in the key. Default\: the host'\''s.]:NAME: ' \
        --cert='[Your client certificate, PEM; without a key it stands alone. An empty FILE forgets a saved one.]:FILE:_files' \
        --cert-key='[Its private key, if that is in another file.]:FILE:_files' \
        --cert-passphrase-from='[The passphrase of that key\: env\://NAME or file\://PATH, read at each use.]:SOURCE: ' \
        --key-from='[Source of the key or one-time code\: env\://NAME, file\://PATH or - for stdin; default\: a prompt.]:SOURCE: ' \
        --code='[One-time code from your administrator.]:CODE: ' \
        --keep-default'[Do not make this the default account.]' \
        --replace'[Replace the account even if it is another user or server.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':URL: '
}

_ambassador-client_logout() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_whoami() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_accounts() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_call() {
    _arguments -s -S : \
        --json='[All arguments as a JSON object; @FILE for a file, - for stdin.]:JSON: ' \
        --save='[Write images and other data to files in this directory.]:DIR:_files' \
        --allow-unknown'[Send also arguments that the tool does not declare.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':TOOL: ' \
        '*:\[KEY=VALUE\]...: '
}

_ambassador-client_subscribe() {
    _arguments -s -S : \
        '*'--tool='[Only tools that match, such as read_*; may be repeated.]:PATTERN: ' \
        '*'--resource='[Only resources whose URI matches; may be repeated.]:PATTERN: ' \
        '*'--prompt='[Only prompts whose name matches; may be repeated.]:PATTERN: ' \
        --allow-unmatched'[Accept patterns that match nothing today.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: '
}

_ambassador-client_unsubscribe() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: '
}

_ambassador-client_select() {
    _arguments -s -S : \
        '*'--resource='[Only resources whose URI matches; may be repeated.]:PATTERN: ' \
        '*'--prompt='[Only prompts whose name matches; may be repeated.]:PATTERN: ' \
        --allow-unmatched'[Accept patterns that match nothing today.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: ' \
        '*:PATTERN...: '
}

_ambassador-client_meta-tools() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':CHOICE:(on off inherit)'
}

_ambassador-client_connect() {
    _arguments -s -S : \
        --no-browser'[Print the address to open on any machine, and ask for the code.]' \
        --device'[Enter a code at the provider instead, where it offers that.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: '
}

_ambassador-client_disconnect() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: '
}

_ambassador-client_connections() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_doctor() {
    _arguments -s -S : \
        --fix'[Fix file modes and delete useless cached sessions.]' \
        --json'[The same as -o json.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_bugreport() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_version() {
    _arguments -s -S : \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_install() {
    _arguments -s -S : \
        --all'[All installed applications.]' \
        --account='[Name of the account to write into the entry.]:NAME: ' \
        --config='[JSON file with settings to write into the entry.]:FILE:_files' \
        --server='[Address of the server to write into the entry.]:URL: ' \
        --ca-file='[CA certificates to write into the entry.]:FILE:_files' \
        --dry-run'[Show the differences without changing anything.]' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_uninstall() {
    _arguments -s -S : \
        --all'[All applications that start this client.]' \
        --dry-run'[Show the differences without changing anything.]' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_undo() {
    _arguments -s -S : \
        --dry-run'[Show the differences without changing anything.]' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        '*:\[HOST\]...:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

_ambassador-client_account() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'use:Make an account the default.'
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
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':NAME: '
}

_ambassador-client_key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'rotate:Replace the key of the account by a new one; the old key stays valid for the overlap.'
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
        --overlap='[How long the old key stays valid\: 30m, 12h, 7d.]:DURATION: ' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_tools() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the tools you may call.'
        'show:Show a tool\: its description and its arguments.'
        'search:List the tools whose name or description contains a word.'
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
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_tools_show() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':TOOL: '
}

_ambassador-client_tools_search() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':WORD: '
}

_ambassador-client_resources() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the resources you may read, and the templates of URIs.'
        'read:Read a resource. Text goes to standard output.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_resources_list ;;
                read) _ambassador-client_resources_read ;;
            esac
            ;;
    esac
}

_ambassador-client_resources_list() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_resources_read() {
    _arguments -s -S : \
        --save='[Write what is not text to files in this directory.]:DIR:_files' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':URI: '
}

_ambassador-client_prompts() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the prompts you may get, with their arguments; those in brackets are optional.'
        'get:Get a prompt with its arguments filled in\: the messages that it begins a conversation with.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_prompts_list ;;
                get) _ambassador-client_prompts_get ;;
            esac
            ;;
    esac
}

_ambassador-client_prompts_list() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_prompts_get() {
    _arguments -s -S : \
        --save='[Write images and other data to files in this directory.]:DIR:_files' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':PROMPT: ' \
        '*:\[KEY=VALUE\]...: '
}

_ambassador-client_catalog() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the MCPs that you are granted, and the selection of this client.'
        'show:Show what is granted to you of an MCP, and what of it this client can use.'
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
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_catalog_show() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: '
}

_ambassador-client_credential() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the MCPs that need a credential of yours, and what is missing. No value is shown.'
        'set:Give a value that an MCP needs of you, or replace it. The server stores it encrypted and never shows it.'
        'remove:Remove a value that you have given, or all values for an MCP. The server deletes them.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-client_credential_list ;;
                set) _ambassador-client_credential_set ;;
                remove) _ambassador-client_credential_remove ;;
            esac
            ;;
    esac
}

_ambassador-client_credential_list() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_credential_set() {
    _arguments -s -S : \
        --from='[Read the value from env\://NAME, file\://PATH or - (stdin), not from a prompt.]:SOURCE: ' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: ' \
        '::FIELD: '
}

_ambassador-client_credential_remove() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP: ' \
        '::FIELD: '
}

_ambassador-client_request() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'access:Ask for access to an MCP, or to one tool of it, for some time; an administrator decides.'
        'list:List your requests, newest first, or those that wait for your decision.'
        'show:Show a request of yours, or one that you decide, with what it asks for.'
        'cancel:Cancel a request of yours, also one that is approved and was not used.'
        'approve:Approve the request of another user, as a member of the group that decides it.'
        'deny:Deny the request of another user, as a member of the group that decides it.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                access) _ambassador-client_request_access ;;
                list) _ambassador-client_request_list ;;
                show) _ambassador-client_request_show ;;
                cancel) _ambassador-client_request_cancel ;;
                approve) _ambassador-client_request_approve ;;
                deny) _ambassador-client_request_deny ;;
            esac
            ;;
    esac
}

_ambassador-client_request_access() {
    _arguments -s -S : \
        --reason='[Why you need it; who decides reads it.]:TEXT: ' \
        --for='[For how long\: 30m, 8h, 7d.]:DURATION: ' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':MCP\[.TOOL\]: '
}

_ambassador-client_request_list() {
    _arguments -s -S : \
        --to-decide'[Those that you decide as a member of a group of approvers.]' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_request_show() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':ID: '
}

_ambassador-client_request_cancel() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':ID: '
}

_ambassador-client_request_approve() {
    _arguments -s -S : \
        --reason='[Why; the user who asked sees it.]:TEXT: ' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':ID: '
}

_ambassador-client_request_deny() {
    _arguments -s -S : \
        --reason='[Why; the user who asked sees it.]:TEXT: ' \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared \
        ':ID: '
}

_ambassador-client_errors() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the error codes and their meaning.'
        'show:Show the meaning of an error code and what to do.'
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
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_errors_show() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
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
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_help_exit-codes() {
    _arguments -s -S : \
        --account='[Name of the account.]:NAME: ' \
        --server='[Address of the server.]:URL: ' \
        --ca-file='[Trust only these CA certificates.]:FILE:_files' \
        --fingerprint='[Trust the server or CA certificate with this fingerprint.]:SHA256: ' \
        --allow-self-signed'[Accept any certificate; for trials only.]' \
        --config='[JSON file with settings.]:FILE:_files' \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
        $shared
}

_ambassador-client_hosts() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'print:Print the entry that `install` would write, to add it by hand.'
    )
    _arguments -C -s -S : \
        '(-o --output)'{-o+,--output=}'[Output format.]:WORD:(table wide json yaml jsonl csv name)' \
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
        --account='[Name of the account to write into the entry.]:NAME: ' \
        --config='[JSON file with settings to write into the entry.]:FILE:_files' \
        --server='[Address of the server to write into the entry.]:URL: ' \
        --ca-file='[CA certificates to write into the entry.]:FILE:_files' \
        $shared \
        ':HOST:(claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed)'
}

# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _ambassador-client ]]; then
    _ambassador-client "$@"
else
    compdef _ambassador-client ambassador-client
fi
