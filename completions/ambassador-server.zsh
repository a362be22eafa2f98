#compdef ambassador-server
# Completion of ambassador-server for zsh. Made from its command line by `make docs`; do not edit.

_ambassador-server() {
    local -a said=("${(@)words}")
    local -a shared=(
        '(- : *)'{-h,--help}'[Show the help and exit.]'
    )
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'quickstart:Set up a server with a first MCP and a first developer, and serve until SIGTERM or Ctrl-C.'
        'init:Prepare a data directory and print the first admin key, which is not shown again.'
        'serve:Serve the client API and the admin API until SIGTERM or Ctrl-C; running calls get time to finish.'
        'migrate:Apply the missing schema migrations; it can safely run repeatedly and concurrently.'
        'check:Check what the server needs, from configuration and keys to sandboxes and descriptors; exit 1 if a check fails.'
        'version:Print the version.'
        'audit:The audit log of this machine.'
        'vault:The master keys under which the credentials of users are encrypted.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-V,--version}'[Show the version.]' \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                quickstart) _ambassador-server_quickstart ;;
                init) _ambassador-server_init ;;
                serve) _ambassador-server_serve ;;
                migrate) _ambassador-server_migrate ;;
                check) _ambassador-server_check ;;
                version) _ambassador-server_version ;;
                audit) _ambassador-server_audit ;;
                vault) _ambassador-server_vault ;;
            esac
            ;;
    esac
}

_ambassador-server_quickstart() {
    _arguments -s -S : \
        --data-dir='[New directory of keys, database and audit log.]:PATH:_files -/' \
        --hostname='[Host name of this machine for developers; localhost admits no other machine.]:TEXT: ' \
        --mcp='[Name of the first MCP.]:NAME: ' \
        --url='[The first MCP'\''s endpoint, if no command.]:URL: ' \
        --user='[Name of the first developer.]:NAME: ' \
        --group='[Name of the first developer'\''s group.]:NAME: ' \
        --port='[Port of the client API.]:N: ' \
        --admin-port='[Port of the admin API.]:N: ' \
        $shared \
        '*:-- COMMAND ARG: '
}

_ambassador-server_init() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        '*'--hostname='[Another host name of the server.]:TEXT: ' \
        --admin-key-name='[Name of the admin key to issue.]:TEXT: ' \
        --new-admin-key'[Issue another admin key for a server that has one.]' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_serve() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --host='[Address of the client API.]:TEXT: ' \
        --port='[Port of the client API.]:N: ' \
        --admin-host='[Address of the admin API.]:TEXT: ' \
        --admin-port='[Port of the admin API.]:N: ' \
        --tls='[on, or off for loopback only.]:TEXT:(on off)' \
        --lame-duck='[Time between SIGTERM and the closing of the ports, in which /ready is 503.]:SECONDS: ' \
        --legacy-sse'[Serve hosts that know only the HTTP+SSE of 2024-11-05, too, at /sse.]' \
        --ready-file='[File to which the server writes its two ports as JSON when it is ready.]:PATH:_files' \
        $shared
}

_ambassador-server_migrate() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        $shared
}

_ambassador-server_check() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_version() {
    _arguments -s -S : \
        $shared
}

_ambassador-server_audit() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'reindex:Rebuild the index of the audit log from the log; a running server then fills the index itself.'
        'quarantine:Quarantine a broken segment that a start refuses, and continue the log after it; the server must be stopped.'
        'anchor:Verify the audit log and print the signed end of each writer'\''s log, for an auditor to store elsewhere.'
        'verify:Verify the audit log with the keys of this server, while it runs or not; exit code 1 if it is broken.'
        'accept-loss:Record that the loss of audit records is accepted, so that the server is ready again; nothing is restored.'
        'rotate-key:Create the next signing key of the audit log; a server signs with it from its next start.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                reindex) _ambassador-server_audit_reindex ;;
                quarantine) _ambassador-server_audit_quarantine ;;
                anchor) _ambassador-server_audit_anchor ;;
                verify) _ambassador-server_audit_verify ;;
                accept-loss) _ambassador-server_audit_accept-loss ;;
                rotate-key) _ambassador-server_audit_rotate-key ;;
            esac
            ;;
    esac
}

_ambassador-server_audit_reindex() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --resume'[Continue an interrupted run, instead of emptying the index first.]' \
        $shared
}

_ambassador-server_audit_quarantine() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --dry-run'[Say what is broken, and change nothing.]' \
        --yes'[Do not ask for a confirmation.]' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_audit_anchor() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_audit_verify() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --anchor='[Anchors that `audit anchor` printed earlier, all of which the log must have; - reads the input.]:FILE:_files' \
        --offline='[Verify a copy of the audit directory instead.]:DIR:_files' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_audit_accept-loss() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        $shared \
        ':WRITER: '
}

_ambassador-server_audit_rotate-key() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_vault() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'status:List the master keys and how many stored values need each; exit code 1 if one is lost.'
        'new-key:Create the next master key; servers with this data directory encrypt with it at once, and need the old ones.'
        'rotate:Encrypt all stored values with the newest master key, beside running servers; run it again to go on.'
    )
    _arguments -C -s -S : \
        $shared \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                status) _ambassador-server_vault_status ;;
                new-key) _ambassador-server_vault_new-key ;;
                rotate) _ambassador-server_vault_rotate ;;
            esac
            ;;
    esac
}

_ambassador-server_vault_status() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_vault_new-key() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

_ambassador-server_vault_rotate() {
    _arguments -s -S : \
        --data-dir='[Directory of keys, database and audit log.]:PATH:_files -/' \
        --config='[YAML file with settings.]:PATH:_files' \
        --database-url='[Database to use instead of SQLite in the data directory.]:TEXT: ' \
        --batch='[The values of one transaction, for which servers wait. At least 1.]:N: ' \
        --json'[Print JSON for a program to read.]' \
        $shared
}

# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _ambassador-server ]]; then
    _ambassador-server "$@"
else
    compdef _ambassador-server ambassador-server
fi
