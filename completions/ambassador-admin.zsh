#compdef ambassador-admin
# Completion of ambassador-admin for zsh. Made from its command line by `make docs`; do not edit.

_ambassador-admin() {
    local -a said=("${(@)words}")
    local -a shared=(
        --server='[The server'\''s admin address; port 9443 by default.]:URL: '
        --ca='[The CA certificate that proves the server, PEM.]:FILE:_files'
        --context='[The context to use, instead of the current one.]:NAME:_ambassador-admin_names context'
        '(-o --output)'{-o+,--output=}'[One of table, wide, json, yaml, jsonl, csv.]:FORMAT:(table wide json yaml jsonl csv)'
        --fields='[Show these fields of the JSON form only.]:A,B: '
        --no-color'[No colours, terminal or not.]'
        '(- : *)'{-h,--help}'[Show the help and exit.]'
    )
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'login:Prove who you are to a server, by an admin key or a password, and keep that as a context.'
        'logout:End the login of a context and forget its key; an admin key stays good, unless it is revoked.'
        'whoami:Show who you are to the server, and what you may do.'
        'change-password:Change your own password, which ends every other login of yours.'
        'status:Show who you are to the server, whether it serves, and what stands out there.'
        'version:Show the version of this program.'
        'export:Print what is on the server as YAML that `apply` takes, one document per owner.'
        'diff:Say what `apply` would change; exit 10 when that is anything.'
        'apply:Make the server what files say, in an order in which no moment is wider than both ends.'
        'context:The servers you have logged in to.'
        'config:The settings this program goes by.'
        'user:The people tools are published for.'
        'group:What grants are given to\: groups of users.'
        'mcp:The catalog of downstream MCP servers.'
        'grant:Which tools a group may, or may not, call.'
        'key:The preshared keys of users'\'' clients.'
        'enrolment:The one-time codes that nobody has used yet; key enrol makes them.'
        'admin-key:The keys programs administer with, and the logins of people.'
        'subscription:What clients have chosen of the MCPs that are granted to their users.'
        'session:The client processes that are registered now.'
        'kill:Stop calls at once, and lift the stop again.'
        'access:Who may call what, and why.'
        'audit:What happened\: every call, refusal and change.'
        'server:The server itself.'
        'errors:What the codes of errors mean.'
        'help:The environment variables and the exit codes.'
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
                login) _ambassador-admin_login ;;
                logout) _ambassador-admin_logout ;;
                whoami) _ambassador-admin_whoami ;;
                change-password) _ambassador-admin_change-password ;;
                status) _ambassador-admin_status ;;
                version) _ambassador-admin_version ;;
                export) _ambassador-admin_export ;;
                diff) _ambassador-admin_diff ;;
                apply) _ambassador-admin_apply ;;
                context) _ambassador-admin_context ;;
                config) _ambassador-admin_config ;;
                user) _ambassador-admin_user ;;
                group) _ambassador-admin_group ;;
                mcp) _ambassador-admin_mcp ;;
                grant) _ambassador-admin_grant ;;
                key) _ambassador-admin_key ;;
                enrolment) _ambassador-admin_enrolment ;;
                admin-key) _ambassador-admin_admin-key ;;
                subscription) _ambassador-admin_subscription ;;
                session) _ambassador-admin_session ;;
                kill) _ambassador-admin_kill ;;
                access) _ambassador-admin_access ;;
                audit) _ambassador-admin_audit ;;
                server) _ambassador-admin_server ;;
                errors) _ambassador-admin_errors ;;
                help) _ambassador-admin_help ;;
            esac
            ;;
    esac
}

_ambassador-admin_login() {
    _arguments -s -S : \
        --key-from='[The admin key\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --user='[Log in by this user'\''s password, not by an admin key.]:NAME: ' \
        --password-from='[The password\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --fingerprint='[Fetch the CA certificate and accept it if it has this.]:SHA256: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':URL: '
}

_ambassador-admin_logout() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared
}

_ambassador-admin_whoami() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_change-password() {
    _arguments -s -S : \
        --current-from='[The password as it is\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --password-from='[The new one\: env\://NAME, file\://PATH or - for stdin; else a prompt, twice.]:SOURCE: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared
}

_ambassador-admin_status() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_version() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_export() {
    _arguments -s -S : \
        --owner='[Only what this label owns; '\'''\'' is nobody'\''s.]:LABEL: ' \
        $shared
}

_ambassador-admin_diff() {
    _arguments -s -S : \
        '*'{-f+,--file=}'[A YAML file, or a directory of them; may be repeated.]:FILE:_files' \
        --prune'[Also end what these files own and do not name any more.]' \
        --take-over'[Claim what is named and belongs to nobody; never another file'\''s.]' \
        $shared
}

_ambassador-admin_apply() {
    _arguments -s -S : \
        '*'{-f+,--file=}'[A YAML file, or a directory of them; may be repeated.]:FILE:_files' \
        --prune'[Also end what these files own and do not name any more.]' \
        --take-over'[Claim what is named and belongs to nobody; never another file'\''s.]' \
        --keys-to='[Write new keys there, one file each, 0600.]:DIR:_files' \
        --keys-command='[Give each new key to this command on its standard input; MCP_AMBASSADOR_KEY_USER and MCP_AMBASSADOR_KEY_NAME say whose it is. There is no shell.]:CMD: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared
}

_ambassador-admin_context() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the contexts.'
        'use:Make a context the current one.'
        'remove:Forget a context and its key.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_context_list ;;
                use) _ambassador-admin_context_use ;;
                remove) _ambassador-admin_context_remove ;;
            esac
            ;;
    esac
}

_ambassador-admin_context_list() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_context_use() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names context'
}

_ambassador-admin_context_remove() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names context'
}

_ambassador-admin_config() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'view:Show the settings in force here\: the server, what proves it, whose key, and the output; never the key itself.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                view) _ambassador-admin_config_view ;;
            esac
            ;;
    esac
}

_ambassador-admin_config_view() {
    _arguments -s -S : \
        --show-origin'[Also where each comes from\: flag, environment, context, default.]' \
        $shared
}

_ambassador-admin_user() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'create:Add a user.'
        'list:List the users.'
        'show:Show one user.'
        'update:Change a user; what you do not name stays as it is.'
        'suspend:Stop a user'\''s keys from working, until `activate`.'
        'activate:Let a suspended user'\''s keys work again.'
        'deactivate:End a user'\''s access, as for somebody who left; `activate` undoes it.'
        'reset-password:Give a user with a role a new password, which ends every login of that user.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                create) _ambassador-admin_user_create ;;
                list) _ambassador-admin_user_list ;;
                show) _ambassador-admin_user_show ;;
                update) _ambassador-admin_user_update ;;
                suspend) _ambassador-admin_user_suspend ;;
                activate) _ambassador-admin_user_activate ;;
                deactivate) _ambassador-admin_user_deactivate ;;
                reset-password) _ambassador-admin_user_reset-password ;;
            esac
            ;;
    esac
}

_ambassador-admin_user_create() {
    _arguments -s -S : \
        --display-name='[The full name.]:TEXT: ' \
        --email='[The mail address.]:ADDRESS: ' \
        '*'--role='[A role to administer with\: admin, operator, provisioner or auditor. Give it once for each.]:ROLE: ' \
        --source='[Who vouches for the user\: local, by a password here, or external, by an identity provider.]:WORD: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_user_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_user_show() {
    _arguments -s -S : \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_update() {
    _arguments -s -S : \
        --display-name='[The full name.]:TEXT: ' \
        --email='[The mail address; '\'''\'' for none.]:ADDRESS: ' \
        '*'--role='[A role to administer with\: admin, operator, provisioner or auditor. All that are given replace those there were.]:ROLE: ' \
        --no-roles'[Take every role.]' \
        --source='[Who vouches for the user\: local, by a password here, or external, by an identity provider.]:WORD: ' \
        --owner='[The declarative file it belongs to; '\'''\'' for none.]:LABEL: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_suspend() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_activate() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_deactivate() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_reset-password() {
    _arguments -s -S : \
        --password-from='[env\://NAME, file\://PATH or - for stdin; else a prompt, twice.]:SOURCE: ' \
        --generate'[Make one up, and show it this once.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_group() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'create:Add a group.'
        'list:List the groups.'
        'show:Show one group.'
        'update:Change a group; what you do not name stays as it is.'
        'delete:Delete a group with its memberships and grants; the users stay.'
        'add-member:Put a user into a group.'
        'remove-member:Take a user out of a group.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                create) _ambassador-admin_group_create ;;
                list) _ambassador-admin_group_list ;;
                show) _ambassador-admin_group_show ;;
                update) _ambassador-admin_group_update ;;
                delete) _ambassador-admin_group_delete ;;
                add-member) _ambassador-admin_group_add-member ;;
                remove-member) _ambassador-admin_group_remove-member ;;
            esac
            ;;
    esac
}

_ambassador-admin_group_create() {
    _arguments -s -S : \
        --description='[What the group is for.]:TEXT: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_group_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_group_show() {
    _arguments -s -S : \
        $shared \
        ':NAME:_ambassador-admin_names group'
}

_ambassador-admin_group_update() {
    _arguments -s -S : \
        --description='[What the group is for.]:TEXT: ' \
        --status='[active or suspended; a suspended group grants nothing.]:WORD: ' \
        --owner='[The declarative file it belongs to; '\'''\'' for none.]:LABEL: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group'
}

_ambassador-admin_group_delete() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':NAME:_ambassador-admin_names group'
}

_ambassador-admin_group_add-member() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group' \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_group_remove-member() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group' \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_mcp() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'add:Add an MCP to the catalog, as a draft.'
        'update:Change an MCP; what you do not name stays as it is.'
        'list:List the catalog.'
        'show:Show one MCP and the state of its connection.'
        'publish:Let an MCP serve those who have a grant.'
        'test:Connect to an MCP apart from the running one and list what it offers; nothing changes.'
        'archive:Take an MCP out of service; its tools are gone from the next call on, `publish` brings them back.'
        'remove:Delete an MCP that is not published, with its grants.'
        'restart:Stop and start the connections to an MCP; calls in flight fail, users'\'' own start with their next call.'
        'status:Show how the MCPs are\: their state, open connections, calls in flight and attempts to connect again.'
        'logs:Show what an MCP wrote lately that is not MCP, such as its stderr; oldest first, secrets are masked.'
        'tools:List the tools of an MCP.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                add) _ambassador-admin_mcp_add ;;
                update) _ambassador-admin_mcp_update ;;
                list) _ambassador-admin_mcp_list ;;
                show) _ambassador-admin_mcp_show ;;
                publish) _ambassador-admin_mcp_publish ;;
                test) _ambassador-admin_mcp_test ;;
                archive) _ambassador-admin_mcp_archive ;;
                remove) _ambassador-admin_mcp_remove ;;
                restart) _ambassador-admin_mcp_restart ;;
                status) _ambassador-admin_mcp_status ;;
                logs) _ambassador-admin_mcp_logs ;;
                tools) _ambassador-admin_mcp_tools ;;
            esac
            ;;
    esac
}

_ambassador-admin_mcp_add() {
    _arguments -s -S : \
        --transport='[stdio or streamable_http; follows from what else is given.]:WORD:(stdio streamable_http)' \
        --url='[The MCP'\''s endpoint.]:URL: ' \
        '*'--header='[A header of every request; may be repeated.]:NAME=VALUE: ' \
        '*'--env='[A variable of the process; may be repeated.]:NAME=VALUE: ' \
        --display-name='[For people.]:TEXT: ' \
        --description='[What it is for.]:TEXT: ' \
        '*'--tag='[A tag; may be repeated. '\'''\'' for none.]:WORD: ' \
        --arguments='[What the audit keeps of a call'\''s arguments; redacted at first.]:WORD:(none keys redacted full)' \
        --timeout='[The deadline of one call; 60 at first. At least 0.1.]:SECONDS: ' \
        --isolation='[Whether the users share one connection; shared at first.]:WORD:(shared per-user)' \
        --owner='[The declarative file it belongs to; '\'''\'' for none.]:LABEL: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME: ' \
        '*:-- COMMAND ARG: '
}

_ambassador-admin_mcp_update() {
    _arguments -s -S : \
        --transport='[stdio or streamable_http; follows from what else is given.]:WORD: ' \
        --url='[The MCP'\''s endpoint.]:URL: ' \
        '*'--header='[A header of every request; may be repeated.]:NAME=VALUE: ' \
        '*'--env='[A variable of the process; may be repeated.]:NAME=VALUE: ' \
        --display-name='[For people.]:TEXT: ' \
        --description='[What it is for.]:TEXT: ' \
        '*'--tag='[A tag; may be repeated. '\'''\'' for none.]:WORD: ' \
        --arguments='[What the audit keeps of a call'\''s arguments; redacted at first.]:WORD:(none keys redacted full)' \
        --timeout='[The deadline of one call; 60 at first. At least 0.1.]:SECONDS: ' \
        --isolation='[Whether the users share one connection; shared at first.]:WORD:(shared per-user)' \
        --owner='[The declarative file it belongs to; '\'''\'' for none.]:LABEL: ' \
        --no-test'[Store how a published MCP is reached without connecting to it first.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp' \
        '*:-- COMMAND ARG: '
}

_ambassador-admin_mcp_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_mcp_show() {
    _arguments -s -S : \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_publish() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_test() {
    _arguments -s -S : \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_archive() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_remove() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_restart() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_status() {
    _arguments -s -S : \
        $shared \
        '::NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_logs() {
    _arguments -s -S : \
        '(-n --lines)'{-n+,--lines=}'[The last N of each connection. At least 1.]:N: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_tools() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_grant() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'add:Give a group the tools of an MCP, all of them unless --tool says which.'
        'list:List the grants.'
        'remove:Take a grant back; it ends with the next call.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                add) _ambassador-admin_grant_add ;;
                list) _ambassador-admin_grant_list ;;
                remove) _ambassador-admin_grant_remove ;;
            esac
            ;;
    esac
}

_ambassador-admin_grant_add() {
    _arguments -s -S : \
        '*'--tool='[Tools by name, '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        --deny'[Deny these tools instead; denying always wins.]' \
        --opt-in'[The tools appear to clients only that have subscribed to the MCP.]' \
        --owner='[The declarative file the grant belongs to.]:LABEL: ' \
        --for='[End by itself after 8h, 30d, …]:DURATION: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':GROUP:_ambassador-admin_names group' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_grant_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_grant_remove() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':ID:_ambassador-admin_names grant'
}

_ambassador-admin_key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'issue:Make a key for a user'\''s client. It is shown this once.'
        'enrol:Make a one-time code that the user'\''s client exchanges for a key of its own. It is shown this once.'
        'rotate:Make a key in place of another, which stays good for the overlap. The new one is shown this once.'
        'list:List the client keys.'
        'suspend:Put a key out of use until it is activated again; it holds from the next call on.'
        'activate:Make a suspended key good again.'
        'revoke:End a key at once and for good.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                issue) _ambassador-admin_key_issue ;;
                enrol) _ambassador-admin_key_enrol ;;
                rotate) _ambassador-admin_key_rotate ;;
                list) _ambassador-admin_key_list ;;
                suspend) _ambassador-admin_key_suspend ;;
                activate) _ambassador-admin_key_activate ;;
                revoke) _ambassador-admin_key_revoke ;;
            esac
            ;;
    esac
}

_ambassador-admin_key_issue() {
    _arguments -s -S : \
        --name='[What the key is for, such as a machine.]:TEXT: ' \
        --for='[Expire by itself after 30d, 52w, …]:DURATION: ' \
        --owner='[The declarative file the key belongs to.]:LABEL: ' \
        --if-missing'[Issue nothing when the user has a good key of this name.]' \
        --key-file='[Write the key there, 0600, instead of showing it.]:FILE:_files' \
        --to-command='[Give the key to this command on its standard input, instead of showing it. There is no shell. If the command fails, the key is revoked again.]:CMD: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_key_enrol() {
    _arguments -s -S : \
        --name='[What the key is for, such as a machine.]:TEXT: ' \
        --for='[How long the code works, a day at most.]:DURATION: ' \
        --key-for='[How long the key lasts from then on\: 90d, 52w, …]:DURATION: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_key_rotate() {
    _arguments -s -S : \
        --overlap='[How long the old key stays good.]:DURATION: ' \
        --key-file='[Write the key there, 0600, instead of showing it.]:FILE:_files' \
        --to-command='[Give the key to this command on its standard input, instead of showing it. There is no shell. If the command fails, the key is revoked again.]:CMD: ' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names key'
}

_ambassador-admin_key_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        --user='[Only this user'\''s keys.]:USER:_ambassador-admin_names user' \
        $shared
}

_ambassador-admin_key_suspend() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names key'
}

_ambassador-admin_key_activate() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names key'
}

_ambassador-admin_key_revoke() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':ID:_ambassador-admin_names key'
}

_ambassador-admin_enrolment() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the one-time codes that can still be exchanged; the codes themselves are not shown.'
        'cancel:Make a one-time code worthless before its time; a key it was exchanged for already stays good.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_enrolment_list ;;
                cancel) _ambassador-admin_enrolment_cancel ;;
            esac
            ;;
    esac
}

_ambassador-admin_enrolment_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        --user='[Only this user'\''s.]:USER:_ambassador-admin_names user' \
        $shared
}

_ambassador-admin_enrolment_cancel() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':ID:_ambassador-admin_names enrolment'
}

_ambassador-admin_admin-key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'issue:Make a key for a program that administers. It is shown this once.'
        'list:List the admin keys, and who is logged in.'
        'revoke:End an admin key, or somebody'\''s login, at once and for good.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                issue) _ambassador-admin_admin-key_issue ;;
                list) _ambassador-admin_admin-key_list ;;
                revoke) _ambassador-admin_admin-key_revoke ;;
            esac
            ;;
    esac
}

_ambassador-admin_admin-key_issue() {
    _arguments -s -S : \
        '*'--role='[What it may do\: admin, operator, provisioner or auditor. Give it once for each.]:ROLE: ' \
        --for='[Expire by itself after 30d, 52w, …]:DURATION: ' \
        --key-file='[Write the key there, 0600, instead of showing it.]:FILE:_files' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_admin-key_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_admin-key_revoke() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':NAME:_ambassador-admin_names admin-key'
}

_ambassador-admin_subscription() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the subscriptions.'
        'set:Subscribe a client to an MCP, to all of its tools unless --tool says which.'
        'remove:Take a client'\''s choice back\: it gets what is automatic, and nothing that is opted in to.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_subscription_list ;;
                set) _ambassador-admin_subscription_set ;;
                remove) _ambassador-admin_subscription_remove ;;
            esac
            ;;
    esac
}

_ambassador-admin_subscription_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared
}

_ambassador-admin_subscription_set() {
    _arguments -s -S : \
        '*'--tool='[Select these tools only, '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        --none'[Select no tool\: the MCP disappears from this client.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':KEY:_ambassador-admin_names key' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_subscription_remove() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':KEY:_ambassador-admin_names key' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_session() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the open sessions.'
        'revoke:End a session; its client registers anew unless its key is revoked, too.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_session_list ;;
                revoke) _ambassador-admin_session_revoke ;;
            esac
            ;;
    esac
}

_ambassador-admin_session_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        --user='[Only this user'\''s.]:USER:_ambassador-admin_names user' \
        $shared
}

_ambassador-admin_session_revoke() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared \
        ':ID:_ambassador-admin_names session'
}

_ambassador-admin_kill() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'everyone:Stop every call of every user.'
        'user:Stop one user.'
        'group:Stop every member of a group.'
        'key:Stop one client key, by its id or its beginning.'
        'session:Stop one client process, by its id or its beginning.'
        'mcp:Stop every call to one MCP.'
        'tool:Stop one tool everywhere, by its name as `mcp.tool`.'
        'tool-class:Stop every tool of a class\: read-only, write or destructive.'
        'show:Show a kill switch and what it hits; for a drill, or one that is over, what it would hit if it were in force.'
        'list:List the kill switches that are in force.'
        'lift:End a stop at once.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                everyone) _ambassador-admin_kill_everyone ;;
                user) _ambassador-admin_kill_user ;;
                group) _ambassador-admin_kill_group ;;
                key) _ambassador-admin_kill_key ;;
                session) _ambassador-admin_kill_session ;;
                mcp) _ambassador-admin_kill_mcp ;;
                tool) _ambassador-admin_kill_tool ;;
                tool-class) _ambassador-admin_kill_tool-class ;;
                show) _ambassador-admin_kill_show ;;
                list) _ambassador-admin_kill_list ;;
                lift) _ambassador-admin_kill_lift ;;
            esac
            ;;
    esac
}

_ambassador-admin_kill_everyone() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared
}

_ambassador-admin_kill_user() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_kill_group() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':GROUP:_ambassador-admin_names group'
}

_ambassador-admin_kill_key() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':KEY:_ambassador-admin_names key'
}

_ambassador-admin_kill_session() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':SESSION:_ambassador-admin_names session'
}

_ambassador-admin_kill_mcp() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_kill_tool() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':TOOL: '
}

_ambassador-admin_kill_tool-class() {
    _arguments -s -S : \
        --reason='[Why; kept in the audit.]:TEXT: ' \
        --for='[Lift by itself after 30m, 2h, …]:DURATION: ' \
        --message='[What stopped users are told.]:TEXT: ' \
        --drill'[Record the switch, stop nothing.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':CLASS:(read-only write destructive)'
}

_ambassador-admin_kill_show() {
    _arguments -s -S : \
        $shared \
        ':ID:_ambassador-admin_names switch'
}

_ambassador-admin_kill_list() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        --all'[Also those lifted or run out.]' \
        $shared
}

_ambassador-admin_kill_lift() {
    _arguments -s -S : \
        --dry-run'[Show what would be sent, send nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names switch'
}

_ambassador-admin_access() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'explain:Say whether a user may call a tool now, which rule decides, which were looked at, and what would change it.'
        'who-can:List the users who may call a tool now.'
        'test:Hold the policy in force to a file of expectations; exit 1 when one does not hold.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                explain) _ambassador-admin_access_explain ;;
                who-can) _ambassador-admin_access_who-can ;;
                test) _ambassador-admin_access_test ;;
            esac
            ;;
    esac
}

_ambassador-admin_access_explain() {
    _arguments -s -S : \
        --key='[With this key, by name or id; else the best one.]:KEY:_ambassador-admin_names key' \
        $shared \
        ':USER:_ambassador-admin_names user' \
        ':TOOL: '
}

_ambassador-admin_access_who-can() {
    _arguments -s -S : \
        '*'--filter='[Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Order by a field; -FIELD begins with the last.]:FIELD: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared \
        ':TOOL: '
}

_ambassador-admin_access_test() {
    _arguments -s -S : \
        $shared \
        ':FILE:_files'
}

_ambassador-admin_audit() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'query:Find events, newest first.'
        'show:Show everything recorded of one request\: who, what, which rule decided, how it ended, how long it took.'
        'stats:Count events by one word of the query language.'
        'tail:Show the latest events, oldest first; a pipe gets JSON lines.'
        'export:Write events, oldest first, in a format that other systems take.'
        'verify:Prove that no record was changed, removed or added; exit code 1 names the first that was.'
        'key:Show the public keys that checkpoints are signed with, to be kept where the server cannot change them.'
        'prune:Remove old records\: whole segments of the log, and the index. What stays can still be proved.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                query) _ambassador-admin_audit_query ;;
                show) _ambassador-admin_audit_show ;;
                stats) _ambassador-admin_audit_stats ;;
                tail) _ambassador-admin_audit_tail ;;
                export) _ambassador-admin_audit_export ;;
                verify) _ambassador-admin_audit_verify ;;
                key) _ambassador-admin_audit_key ;;
                prune) _ambassador-admin_audit_prune ;;
            esac
            ;;
    esac
}

_ambassador-admin_audit_query() {
    _arguments -s -S : \
        --where='[The same as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[Who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[What it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[Such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:restart admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke kill\:switch\:activate kill\:switch\:lift system\:downstream\:state admin\:audit\:prune system\:server\:start system\:server\:stop system\:audit-log\:recovery)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[Such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired mcp_not_published explicit_deny no_grant not_subscribed not_selected unknown_tool)' \
        --request='[One request, by its id.]:ID: ' \
        --since='[Not before\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Before.]:TIME: ' \
        --limit='[How many at most. At least 1.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_show() {
    _arguments -s -S : \
        $shared \
        ':REQUEST: '
}

_ambassador-admin_audit_stats() {
    _arguments -s -S : \
        --where='[The same as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[Who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[What it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[Such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:restart admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke kill\:switch\:activate kill\:switch\:lift system\:downstream\:state admin\:audit\:prune system\:server\:start system\:server\:stop system\:audit-log\:recovery)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[Such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired mcp_not_published explicit_deny no_grant not_subscribed not_selected unknown_tool)' \
        --request='[One request, by its id.]:ID: ' \
        --since='[Not before\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Before.]:TIME: ' \
        --by='[tool, user, reason, outcome, action or another word of a query.]:WORD: ' \
        --top='[How many values; the rest is one row. At least 1.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_tail() {
    _arguments -s -S : \
        --where='[The same as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[Who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[What it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[Such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:restart admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke kill\:switch\:activate kill\:switch\:lift system\:downstream\:state admin\:audit\:prune system\:server\:start system\:server\:stop system\:audit-log\:recovery)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[Such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired mcp_not_published explicit_deny no_grant not_subscribed not_selected unknown_tool)' \
        --request='[One request, by its id.]:ID: ' \
        --since='[Not before\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Before.]:TIME: ' \
        '(-f --follow)'{-f,--follow}'[Keep showing what comes, until Ctrl-C.]' \
        '(-n --lines)'{-n+,--lines=}'[Begin with the last N\: 10, or with --since 1000, unless you say. At least 0.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_export() {
    _arguments -s -S : \
        --where='[The same as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[Who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[What it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[Such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:restart admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke kill\:switch\:activate kill\:switch\:lift system\:downstream\:state admin\:audit\:prune system\:server\:start system\:server\:stop system\:audit-log\:recovery)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[Such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired mcp_not_published explicit_deny no_grant not_subscribed not_selected unknown_tool)' \
        --request='[One request, by its id.]:ID: ' \
        --since='[Not before\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Before.]:TIME: ' \
        --format='[One of jsonl, csv, cef, ocsf.]:FORMAT:(jsonl csv cef ocsf)' \
        --file='[Write here instead; with --cursor, behind what is there.]:FILE:_files' \
        --cursor='[Go on behind this place of an earlier export. At least 0.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_verify() {
    _arguments -s -S : \
        --from='[Leave out segments that ended before.]:TIME: ' \
        --to='[Leave out segments that began after.]:TIME: ' \
        --offline='[A copy of the audit directory; asks no server.]:DIR:_files' \
        '*'--key='[With --offline\: a public key to believe.]:PUB.pem:_files' \
        '*'--anchor='[With --offline\: a line that was kept elsewhere.]:W\:SEQ\:DIGEST: ' \
        $shared
}

_ambassador-admin_audit_key() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_audit_prune() {
    _arguments -s -S : \
        --older-than='[What is older goes; at least a day.]:DURATION: ' \
        --index-only'[Forget records in the index; the log keeps them.]' \
        --segments-only'[Remove segments of the log; the index keeps their records.]' \
        --dry-run'[Show what would be sent, send nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        $shared
}

_ambassador-admin_server() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'health:Ask whether the server can serve calls; exit code 7 says it cannot.'
        'version:Show the version of the server.'
        'config:Show the settings the running server goes by, and where each comes from\: default, file, environment or flag.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                health) _ambassador-admin_server_health ;;
                version) _ambassador-admin_server_version ;;
                config) _ambassador-admin_server_config ;;
            esac
            ;;
    esac
}

_ambassador-admin_server_health() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_server_version() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_server_config() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_errors() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List every code and what it means.'
        'show:Say what a code means and what to do.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_errors_list ;;
                show) _ambassador-admin_errors_show ;;
            esac
            ;;
    esac
}

_ambassador-admin_errors_list() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_errors_show() {
    _arguments -s -S : \
        $shared \
        ':CODE: '
}

_ambassador-admin_help() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'environment:List the environment variables.'
        'exit-codes:List the exit codes.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                environment) _ambassador-admin_help_environment ;;
                exit-codes) _ambassador-admin_help_exit-codes ;;
            esac
            ;;
    esac
}

_ambassador-admin_help_environment() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_help_exit-codes() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_names() {
    local line
    local -a found
    for line in "${(@f)$(command ambassador-admin names ${@[-1]} "${(Q)PREFIX}" "${(@)said}" 2>/dev/null </dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\:}:${line#*$'\t'}")
    done
    _describe -t names name found
}

# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _ambassador-admin ]]; then
    _ambassador-admin "$@"
else
    compdef _ambassador-admin ambassador-admin
fi
