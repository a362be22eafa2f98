#compdef ambassador-admin
# Completion of ambassador-admin for zsh. Made from its command line by `make docs`; do not edit.

_ambassador-admin() {
    local -a said=("${(@)words}")
    local -a shared=(
        --server='[The server'\''s admin address; port 9443 by default.]:URL: '
        --ca='[The CA certificate to verify the server with, in PEM.]:FILE:_files'
        --context='[The context to use instead of the current one.]:NAME:_ambassador-admin_names context'
        '(-o --output)'{-o+,--output=}'[One of table, wide, json, yaml, jsonl, csv, name.]:FORMAT:(table wide json yaml jsonl csv name)'
        --fields='[Show only these fields of the JSON output.]:A,B: '
        --jq='[Show what a jq expression selects from the JSON output.]:EXPRESSION: '
        --no-headers'[Leave out the titles of a table or of CSV.]'
        '(-q --quiet)'{-q,--quiet}'[No messages besides warnings and errors.]'
        --no-color'[Use no colours.]'
        '(- : *)'{-h,--help}'[Show the help and exit.]'
    )
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'login:Log in to a server with an admin key, a password, a certificate or your organisation'\''s account, as a context.'
        'logout:End the login of a context and delete its stored key; an admin key stays valid until it is revoked.'
        'whoami:Show the name and the roles that the server knows you by.'
        'change-password:Change your own password; this ends your other logins.'
        'status:Show whether the server is ready, your name and roles, and the numbers of users, MCPs and kill switches.'
        'version:Show the version of this program.'
        'export:Print the server'\''s objects as YAML for `apply`, one document per owner.'
        'diff:Show what `apply` would change; exit code 10 if there are changes.'
        'apply:Change the server to what the files declare; meanwhile no call is permitted that is denied before and after.'
        'context:The servers you have logged in to.'
        'config:The settings of this program.'
        'user:Users and their passwords.'
        'group:Groups of users, which grants are given to.'
        'mcp:The catalog of downstream MCP servers.'
        'credential:The credentials that MCPs need, and who has given them.'
        'grant:Which tools, resources and prompts a group may, or may not, use.'
        'key:Client keys of users.'
        'enrolment:One-time codes that were not used yet; key enrol issues them.'
        'admin-key:Admin keys of programs, and logins of people.'
        'subscription:Subscriptions\: what clients have selected of the MCPs.'
        'session:Sessions of client processes.'
        'issuer:Issuers\: whose access tokens are believed, and which users and groups they name.'
        'certificate:Client certificates\: which are not believed any more.'
        'limit:Limits\: how much may be called, by whom and of what.'
        'approval:Requests for calls or for access, which another person decides.'
        'kill:Kill switches\: stop calls at once, and lift the stop.'
        'access:Who may use which tool, resource or prompt, and why.'
        'audit:The audit\: every call, refusal and change.'
        'server:The server itself.'
        'errors:The meaning of error codes.'
        'completion:Completion of commands and names in your shell.'
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
                credential) _ambassador-admin_credential ;;
                grant) _ambassador-admin_grant ;;
                key) _ambassador-admin_key ;;
                enrolment) _ambassador-admin_enrolment ;;
                admin-key) _ambassador-admin_admin-key ;;
                subscription) _ambassador-admin_subscription ;;
                session) _ambassador-admin_session ;;
                issuer) _ambassador-admin_issuer ;;
                certificate) _ambassador-admin_certificate ;;
                limit) _ambassador-admin_limit ;;
                approval) _ambassador-admin_approval ;;
                kill) _ambassador-admin_kill ;;
                access) _ambassador-admin_access ;;
                audit) _ambassador-admin_audit ;;
                server) _ambassador-admin_server ;;
                errors) _ambassador-admin_errors ;;
                completion) _ambassador-admin_completion ;;
                help) _ambassador-admin_help ;;
            esac
            ;;
    esac
}

_ambassador-admin_login() {
    _arguments -s -S : \
        --key-from='[The admin key\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --user='[Log in with this user'\''s password instead of an admin key.]:NAME: ' \
        --password-from='[The password\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --replace'[Replace the context even if it is of another server, user or key.]' \
        --sso'[Sign in with the account of your organisation, in the browser.]' \
        --issuer='[Who signs you in with --sso, if there are several.]:NAME: ' \
        --device'[With --sso\: enter a code in a browser on any machine.]' \
        --cert='[Your client certificate, PEM; without a key it stands alone. An empty FILE forgets a saved one.]:FILE:_files' \
        --cert-key='[Its private key, if that is in another file.]:FILE:_files' \
        --cert-passphrase-from='[The passphrase of that key\: env\://NAME or file\://PATH, read at each use.]:SOURCE: ' \
        --fingerprint='[Fetch the CA certificate and trust it if it has this fingerprint.]:SHA256: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':URL: '
}

_ambassador-admin_logout() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared
}

_ambassador-admin_whoami() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_change-password() {
    _arguments -s -S : \
        --current-from='[The current password\: env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        --password-from='[The new password\: env\://NAME, file\://PATH or - for stdin; else a prompt, twice.]:SOURCE: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared
}

_ambassador-admin_status() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_version() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_export() {
    _arguments -s -S : \
        --owner='[Only the objects of this owner; '\'''\'' for objects without one.]:LABEL: ' \
        $shared
}

_ambassador-admin_diff() {
    _arguments -s -S : \
        '*'{-f+,--file=}'[A YAML file, a directory of YAML files, or - for standard input; may be repeated.]:FILE:_files' \
        --prune'[Also remove what these files own and no longer name.]' \
        --take-over'[Become the owner of named objects that have none; never of another owner'\''s.]' \
        --allow-unmatched'[Accept new grants with patterns that match no known tool.]' \
        $shared
}

_ambassador-admin_apply() {
    _arguments -s -S : \
        '*'{-f+,--file=}'[A YAML file, a directory of YAML files, or - for standard input; may be repeated.]:FILE:_files' \
        --prune'[Also remove what these files own and no longer name.]' \
        --take-over'[Become the owner of named objects that have none; never of another owner'\''s.]' \
        --allow-unmatched'[Accept new grants with patterns that match no known tool.]' \
        --keys-to='[Write each new key to a file with mode 0600 in this directory.]:DIR:_files' \
        --keys-command='[Run this command for each new key, with the key on its standard input and MCP_AMBASSADOR_KEY_USER and MCP_AMBASSADOR_KEY_NAME in its environment. No shell is used.]:CMD: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared
}

_ambassador-admin_context() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the contexts.'
        'use:Make a context the current one.'
        'remove:Delete a context and its key.'
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
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names context'
}

_ambassador-admin_context_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names context'
}

_ambassador-admin_config() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'view:Show the settings of this program\: server, context, CA file, source of the key, and output; never the key itself.'
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
        --show-origin'[Also show the source of each\: flag, environment, context or default.]' \
        $shared
}

_ambassador-admin_user() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'create:Create a user.'
        'list:List the users.'
        'show:Show one user.'
        'update:Change a user; options that are not given change nothing.'
        'suspend:Suspend users\: all their keys are refused, and calls and streams end, until `activate`.'
        'activate:Activate suspended or deactivated users; of the latter the account alone comes back, without keys.'
        'deactivate:Deactivate users who have left\: keys, sessions, credentials and all else that they hold end for good.'
        'unbind:End that users belong to the issuer and the subject of a token; then issuers find them by name.'
        'reset-password:Set the password of a user with a role; this ends the user'\''s logins.'
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
                unbind) _ambassador-admin_user_unbind ;;
                reset-password) _ambassador-admin_user_reset-password ;;
            esac
            ;;
    esac
}

_ambassador-admin_user_create() {
    _arguments -s -S : \
        --display-name='[The full name.]:TEXT: ' \
        --email='[The mail address.]:ADDRESS: ' \
        '*'--role='[A role of an administrator\: admin, operator, provisioner or auditor. May be repeated.]:ROLE: ' \
        --source='[Where the user comes from\: local, with a password here, or external, from an identity provider.]:WORD: ' \
        '*'--group='[A group of the user. May be repeated.]:GROUP:_ambassador-admin_names group' \
        --meta-tools='[Whether hosts get three tools that search, describe and call, instead of the list of all tools (docs/meta-tools.md); off by default.]:WORD:(on off)' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_user_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
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
        '*'--role='[A role of an administrator\: admin, operator, provisioner or auditor. May be repeated; replaces all roles.]:ROLE: ' \
        --no-roles'[Remove every role.]' \
        --source='[Where the user comes from\: local, with a password here, or external, from an identity provider.]:WORD: ' \
        --owner='[The label of the declarative file that owns it; '\'''\'' for none.]:LABEL: ' \
        --meta-tools='[Whether hosts get three tools that search, describe and call, instead of the list of all tools (docs/meta-tools.md); off by default.]:WORD:(on off)' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_suspend() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_activate() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_deactivate() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_unbind() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names user'
}

_ambassador-admin_user_reset-password() {
    _arguments -s -S : \
        --password-from='[env\://NAME, file\://PATH or - for stdin; else a prompt, twice.]:SOURCE: ' \
        --generate'[Generate a password and show it once.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names user'
}

_ambassador-admin_group() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'create:Create a group.'
        'list:List the groups.'
        'show:Show one group.'
        'update:Change a group; options that are not given change nothing.'
        'delete:Delete groups with their memberships and grants; the users stay.'
        'add-member:Add users to a group.'
        'remove-member:Remove users from a group.'
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
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_group_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
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
        --status='[active or suspended; the grants of a suspended group have no effect.]:WORD: ' \
        --owner='[The label of the declarative file that owns it; '\'''\'' for none.]:LABEL: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group'
}

_ambassador-admin_group_delete() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names group'
}

_ambassador-admin_group_add-member() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group' \
        '*:USER:_ambassador-admin_names user'
}

_ambassador-admin_group_remove-member() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names group' \
        '*:USER:_ambassador-admin_names user'
}

_ambassador-admin_mcp() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'add:Add an MCP to the catalog as a draft, or with --publish for use.'
        'update:Change an MCP; options that are not given change nothing.'
        'list:List the catalog.'
        'show:Show one MCP and the state of its connection.'
        'publish:Publish MCPs, so that users with a grant can call their tools; this approves the tools that they offer now.'
        'test:Open a separate connection to an MCP and list its tools; this changes nothing.'
        'archive:Archive MCPs, so that they serve no calls; `publish` restores them.'
        'remove:Delete MCPs that are not published, with their grants.'
        'restart:Close and reopen the connections to MCPs; calls in flight fail; per-user connections reopen at the next call.'
        'status:Show the MCPs'\'' state, open connections, calls in flight and attempts to reconnect.'
        'logs:Show the last lines that an MCP wrote besides MCP messages, such as its stderr; secrets are masked.'
        'tools:List the tools of an MCP, and whether the definition of each is approved, changed, new or gone.'
        'approve:Approve tools of an MCP that are new, changed or gone, as they are offered now; look at `mcp tools --diff` first.'
        'transform:Change how a tool of an MCP is published\: its name, description, arguments, annotations and bounds.'
        'resources:List the resources of an MCP and its templates of resources, by the URIs that grants take.'
        'prompts:List the prompts of an MCP.'
        'broadcast:Let tools of MCPs be called together with those of others, under the names that begin with `broadcast__`.'
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
                approve) _ambassador-admin_mcp_approve ;;
                transform) _ambassador-admin_mcp_transform ;;
                resources) _ambassador-admin_mcp_resources ;;
                prompts) _ambassador-admin_mcp_prompts ;;
                broadcast) _ambassador-admin_mcp_broadcast ;;
            esac
            ;;
    esac
}

_ambassador-admin_mcp_add() {
    _arguments -s -S : \
        --transport='[stdio, streamable_http or sse; by default one of the first two, depending on the other options.]:WORD:(sse stdio streamable_http)' \
        --url='[The MCP'\''s endpoint.]:URL: ' \
        '*'--header='[A header of every request; may be repeated.]:NAME=VALUE: ' \
        '*'--env='[An environment variable of the process; may be repeated.]:NAME=VALUE: ' \
        '*'--option='[Another option of the transport, such as cwd, sandbox or limits; may be repeated.]:NAME=JSON: ' \
        --display-name='[The name shown to people.]:TEXT: ' \
        --description='[What the MCP is for.]:TEXT: ' \
        '*'--tag='[A tag; may be repeated; '\'''\'' for none.]:WORD: ' \
        --arguments='[What the audit stores of a call'\''s arguments; by default redacted.]:WORD:(none keys redacted full)' \
        --timeout='[The deadline of one call; by default 60. At least 0.1.]:SECONDS: ' \
        --max-in-flight='[How many calls each connection may have in flight; by default 256. At least 1.]:N: ' \
        --failures='[Failures in a row after which its circuit breaker opens; 0, the default, for the server'\''s setting. At least 0.]:N: ' \
        --grace='[How long its last known tools are listed while it fails; 0, the default, for the server'\''s setting. At least 0.]:SECONDS: ' \
        --isolation='[Whether users share one connection; by default shared.]:WORD:(shared per-user)' \
        --pin='[What a new or changed tool does\: block, the default, stops it until `mcp approve`; warn lets it be used while it waits; off\: none waits.]:WORD:(off warn block)' \
        '(--prefix --no-prefix)'{--prefix,--no-prefix}'[Whether published names begin with the MCP'\''s name, also where the plain one is unique; by default they do.]' \
        --sessions='[Whether users share one MCP session; by default auto\: as long as it keeps no state of them.]:WORD:(shared per-user auto)' \
        --broadcast='[Which tools can be called together with those of other MCPs\: those that only read, or all; by default off.]:WORD:(off read-only all)' \
        --owner='[The label of the declarative file that owns it; '\'''\'' for none.]:LABEL: ' \
        --publish'[Publish it at once, with the tools that it offers now.]' \
        '*'--grant='[Permit this group all its tools. May be repeated.]:GROUP:_ambassador-admin_names group' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME: ' \
        '*:-- COMMAND ARG: '
}

_ambassador-admin_mcp_update() {
    _arguments -s -S : \
        --transport='[stdio, streamable_http or sse; by default one of the first two, depending on the other options.]:WORD: ' \
        --url='[The MCP'\''s endpoint.]:URL: ' \
        '*'--header='[A header of every request; may be repeated.]:NAME=VALUE: ' \
        '*'--env='[An environment variable of the process; may be repeated.]:NAME=VALUE: ' \
        '*'--option='[Another option of the transport, such as cwd, sandbox or limits; may be repeated.]:NAME=JSON: ' \
        --display-name='[The name shown to people.]:TEXT: ' \
        --description='[What the MCP is for.]:TEXT: ' \
        '*'--tag='[A tag; may be repeated; '\'''\'' for none.]:WORD: ' \
        --arguments='[What the audit stores of a call'\''s arguments; by default redacted.]:WORD:(none keys redacted full)' \
        --timeout='[The deadline of one call; by default 60. At least 0.1.]:SECONDS: ' \
        --max-in-flight='[How many calls each connection may have in flight; by default 256. At least 1.]:N: ' \
        --failures='[Failures in a row after which its circuit breaker opens; 0, the default, for the server'\''s setting. At least 0.]:N: ' \
        --grace='[How long its last known tools are listed while it fails; 0, the default, for the server'\''s setting. At least 0.]:SECONDS: ' \
        --isolation='[Whether users share one connection; by default shared.]:WORD:(shared per-user)' \
        --pin='[What a new or changed tool does\: block, the default, stops it until `mcp approve`; warn lets it be used while it waits; off\: none waits.]:WORD:(off warn block)' \
        '(--prefix --no-prefix)'{--prefix,--no-prefix}'[Whether published names begin with the MCP'\''s name, also where the plain one is unique; by default they do.]' \
        --sessions='[Whether users share one MCP session; by default auto\: as long as it keeps no state of them.]:WORD:(shared per-user auto)' \
        --broadcast='[Which tools can be called together with those of other MCPs\: those that only read, or all; by default off.]:WORD:(off read-only all)' \
        --owner='[The label of the declarative file that owns it; '\'''\'' for none.]:LABEL: ' \
        --no-test'[Store new connection options of a published MCP without testing them first.]' \
        '*'--credential='[A value for this test alone, env\://NAME or file\:///PATH, which this machine reads; may be repeated.]:FIELD=REFERENCE: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp' \
        '*:-- COMMAND ARG: '
}

_ambassador-admin_mcp_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_mcp_show() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_publish() {
    _arguments -s -S : \
        '*'--credential='[A value for this test alone, env\://NAME or file\:///PATH, which this machine reads; may be repeated.]:FIELD=REFERENCE: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_test() {
    _arguments -s -S : \
        '*'--credential='[A value for this test alone, env\://NAME or file\:///PATH, which this machine reads; may be repeated.]:FIELD=REFERENCE: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_archive() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_restart() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_status() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        '::NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_logs() {
    _arguments -s -S : \
        '(-n --lines)'{-n+,--lines=}'[The number of lines of each connection. At least 1.]:N: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_tools() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --diff'[Show what differs from the approved definitions instead.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_approve() {
    _arguments -s -S : \
        --strict'[Approve nothing if a definition has a cue of hidden instructions.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp' \
        '*:TOOL: '
}

_ambassador-admin_mcp_transform() {
    _arguments -s -S : \
        --rename='[The name to publish it by; '\'''\'' for its own.]:NAME: ' \
        --description='[Its description; '\'''\'' for the MCP'\''s own.]:TEXT: ' \
        --description-suffix='[A text behind its description; '\'''\'' for none.]:TEXT: ' \
        '(--hide --show)'{--hide,--show}'[Whether it is neither listed nor callable.]' \
        '*'--fixed='[An argument that every call gets and no caller can send; may be repeated; '\''KEY='\'' for none.]:KEY=JSON: ' \
        '*'--default='[An argument that a call gets unless the caller sends it; may be repeated; '\''KEY='\'' for none.]:KEY=JSON: ' \
        '*'--annotation='[readOnlyHint, destructiveHint, idempotentHint or openWorldHint, each true or false, or a title; may be repeated; '\''HINT='\'' for the MCP'\''s own.]:HINT=JSON: ' \
        --result-bytes='[The largest result; a larger one is an error; 0 for any. At least 0.]:N: ' \
        --timeout='[The deadline of one call; 0 for that of the MCP. At least 0.]:SECONDS: ' \
        --reset'[Undo all changes of the tool first; without TOOL, of all tools.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names mcp' \
        '::TOOL: '
}

_ambassador-admin_mcp_resources() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_prompts() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        $shared \
        ':NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_mcp_broadcast() {
    _arguments -s -S : \
        --tag='[Every MCP that has this tag now, instead of names.]:WORD: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':MODE:(off read-only all)' \
        '*:NAME:_ambassador-admin_names mcp'
}

_ambassador-admin_credential() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'declare:Declare a value that an MCP needs, in the place of an earlier declaration of the same field.'
        'oauth:Declare that an MCP is accessed by OAuth, in the place of an earlier declaration.'
        'undeclare:Stop demanding a field, or access by OAuth\: the MCP is reached without it from now on.'
        'fields:List what an MCP needs, where each value goes and who gives it; no values are shown.'
        'list:List who has given which values for which MCP; no value is shown, not even to administrators.'
        'status:Show how many users of each MCP have given what it needs, and whose calls are refused until they do.'
        'revoke:Delete what a user has given for an MCP, all that a user has given, or all that users gave for an MCP.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                declare) _ambassador-admin_credential_declare ;;
                oauth) _ambassador-admin_credential_oauth ;;
                undeclare) _ambassador-admin_credential_undeclare ;;
                fields) _ambassador-admin_credential_fields ;;
                list) _ambassador-admin_credential_list ;;
                status) _ambassador-admin_credential_status ;;
                revoke) _ambassador-admin_credential_revoke ;;
            esac
            ;;
    esac
}

_ambassador-admin_credential_declare() {
    _arguments -s -S : \
        --environment='[It goes into this environment variable of the program.]:NAME: ' \
        --header='[It goes into this header of every request.]:NAME: ' \
        --query='[It goes into this parameter of the URL.]:NAME: ' \
        --argument'[It becomes an argument of the program, which the process list of the server'\''s machine shows.]' \
        --template='[The text around the value, which stands for {}.]:TEXT: ' \
        --title='[What people call it, such as '\''GitHub token'\''.]:TEXT: ' \
        --help-text='[Where people get one and what rights it needs.]:TEXT: ' \
        --from='[All users share this value\: env\://NAME, file\:///PATH or hashicorp\://MOUNT/PATH#FIELD.]:REFERENCE: ' \
        --list-with='[The value with which the server itself lists what the MCP offers, if each user gives their own.]:REFERENCE: ' \
        --optional'[The MCP can be used without it; by default it cannot.]' \
        --not-secret'[It is no secret, such as the name of a team, and is shown.]' \
        --no-test'[Store it for a published MCP without testing its connection first.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':MCP:_ambassador-admin_names mcp' \
        ':FIELD: '
}

_ambassador-admin_credential_oauth() {
    _arguments -s -S : \
        --grant='[Whether each user connects an account, one account is for all, or the provider of the user'\''s access token grants it.]:WORD:(user service-account identity-assertion)' \
        --client-id='[The client that was registered for this server by hand.]:ID: ' \
        --client-secret='[The secret of that client\: env\://NAME, file\:///PATH or hashicorp\://MOUNT/PATH#FIELD.]:REFERENCE: ' \
        '*'--scope='[A scope to ask for; may be repeated.]:SCOPE: ' \
        --resource='[send names the MCP'\''s URL, omit names none; or another URI.]:WORD: ' \
        --issuer='[The only authorization server to trust.]:URL: ' \
        --authorization-endpoint='[Where users give their consent.]:URL: ' \
        --token-endpoint='[Where tokens are issued.]:URL: ' \
        --device-endpoint='[Where the device flow begins.]:URL: ' \
        --revocation-endpoint='[Where tokens are revoked.]:URL: ' \
        --private-addresses'[Permit endpoints at loopback and private addresses.]' \
        --provider='[With --grant identity-assertion\: the issuer whose access tokens are exchanged.]:ISSUER:_ambassador-admin_names issuer' \
        --provider-client-id='[This server as a client of the provider.]:ID: ' \
        --provider-client-secret='[The secret of that client\: env\://NAME, file\:///PATH or hashicorp\://MOUNT/PATH#FIELD.]:REFERENCE: ' \
        --subject-type='[As what the user'\''s token is given to the provider.]:WORD:(access-token id-token jwt)' \
        --no-test'[Store it for a published MCP without testing its connection first.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_credential_undeclare() {
    _arguments -s -S : \
        --no-test'[Store it for a published MCP without testing its connection first.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        ':MCP:_ambassador-admin_names mcp' \
        ':FIELD: '
}

_ambassador-admin_credential_fields() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_credential_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --user='[Only those of this user.]:USER:_ambassador-admin_names user' \
        --mcp='[Only those for this MCP.]:MCP:_ambassador-admin_names mcp' \
        --status='[Only those that are active, or dead.]:STATUS: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_credential_status() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        '::MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_credential_revoke() {
    _arguments -s -S : \
        --user='[Only those of this user.]:USER:_ambassador-admin_names user' \
        --mcp='[Only those for this MCP.]:MCP:_ambassador-admin_names mcp' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared
}

_ambassador-admin_grant() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'add:Permit the members of a group to use an MCP\: all of it, or what --tool, --resource and --prompt name.'
        'update:Change the arguments with which a grant permits tools, or who approves its calls.'
        'show:Show a grant with its constraints and the approval that it demands.'
        'list:List the grants.'
        'remove:Remove grants; the next call is decided without them.'
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
                update) _ambassador-admin_grant_update ;;
                show) _ambassador-admin_grant_show ;;
                list) _ambassador-admin_grant_list ;;
                remove) _ambassador-admin_grant_remove ;;
            esac
            ;;
    esac
}

_ambassador-admin_grant_add() {
    _arguments -s -S : \
        '*'--tool='[Tools by name; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        '*'--resource='[Resources by URI; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        '*'--prompt='[Prompts by name; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        '*'--when='[Only with such an argument\: '\''repo=acme/*'\'' or '\''count<=10'\''; may be repeated; '\''count?<=10'\'' may be missing.]:CONDITION: ' \
        --constraints='[Only with such arguments\: JSON Schemas by argument, as text or in a file; - reads standard input.]:JSON|FILE: ' \
        --approval'[Another person approves each call first.]' \
        --approvers='[With --approval\: the members of this group approve; without it, administrators.]:GROUP:_ambassador-admin_names group' \
        --valid='[With --approval\: how long an approval is good, such as 5m or 1h; by default 10m.]:DURATION: ' \
        --deny'[Deny it; a denial takes precedence over every permission.]' \
        --opt-in'[Only clients that have subscribed to the MCP get it.]' \
        --allow-unmatched'[Accept names and patterns that match no known tool.]' \
        --owner='[The label of the declarative file that owns the grant.]:LABEL: ' \
        --for='[Expire after 8h, 30d, …]:DURATION: ' \
        --until='[Expire at 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':GROUP:_ambassador-admin_names group' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_grant_update() {
    _arguments -s -S : \
        '*'--when='[Only with such an argument\: '\''repo=acme/*'\'' or '\''count<=10'\''; may be repeated; '\''count?<=10'\'' may be missing.]:CONDITION: ' \
        --constraints='[Only with such arguments\: JSON Schemas by argument, as text or in a file; - reads standard input.]:JSON|FILE: ' \
        --no-constraints'[Permit any arguments again.]' \
        --approval'[Another person approves each call first.]' \
        --approvers='[With --approval\: the members of this group approve; without it, administrators.]:GROUP:_ambassador-admin_names group' \
        --valid='[With --approval\: how long an approval is good, such as 5m or 1h; by default 10m.]:DURATION: ' \
        --no-approval'[Permit calls without an approval again.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names grant'
}

_ambassador-admin_grant_show() {
    _arguments -s -S : \
        $shared \
        ':ID:_ambassador-admin_names grant'
}

_ambassador-admin_grant_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_grant_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:ID:_ambassador-admin_names grant'
}

_ambassador-admin_key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'issue:Issue a key for a user'\''s client. It is shown only once.'
        'enrol:Issue a one-time code that the user'\''s client exchanges for a key. The code is shown only once.'
        'rotate:Issue a key that replaces another, which stays valid for the overlap. The new key is shown only once.'
        'list:List the client keys.'
        'update:Change keys; an option that is not given changes nothing.'
        'suspend:Suspend keys until they are activated; their next call is refused.'
        'activate:Activate suspended keys.'
        'revoke:Revoke keys at once and permanently, and every key that replaced them.'
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
                update) _ambassador-admin_key_update ;;
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
        --for='[Expire after 30d, 52w, …]:DURATION: ' \
        --owner='[The label of the declarative file that owns the key.]:LABEL: ' \
        --if-missing'[Issue nothing if the user has a valid key of this name.]' \
        --meta-tools='[Whether hosts get three tools that search, describe and call, instead of the list of all tools (docs/meta-tools.md); by default the key inherits what its user has.]:WORD:(on off inherit)' \
        --key-file='[Write the key to this new file, with mode 0600, and do not show it.]:FILE:_files' \
        --to-command='[Pass the key to this command on its standard input instead of showing it. No shell is used. If the command fails, the key is revoked.]:CMD: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_key_enrol() {
    _arguments -s -S : \
        --name='[What the key is for, such as a machine.]:TEXT: ' \
        --for='[How long the code is valid, at most a day.]:DURATION: ' \
        --key-for='[How long the key is valid after that\: 90d, 52w, …]:DURATION: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_key_rotate() {
    _arguments -s -S : \
        --overlap='[How long the old key stays valid.]:DURATION: ' \
        --key-file='[Write the key to this new file, with mode 0600, and do not show it.]:FILE:_files' \
        --to-command='[Pass the key to this command on its standard input instead of showing it. No shell is used. If the command fails, the key is revoked.]:CMD: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names key'
}

_ambassador-admin_key_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --user='[Only this user'\''s keys.]:USER:_ambassador-admin_names user' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_key_update() {
    _arguments -s -S : \
        --meta-tools='[Whether hosts get three tools that search, describe and call, instead of the list of all tools (docs/meta-tools.md); by default the key inherits what its user has.]:WORD:(on off inherit)' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:ID:_ambassador-admin_names key'
}

_ambassador-admin_key_suspend() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:ID:_ambassador-admin_names key'
}

_ambassador-admin_key_activate() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:ID:_ambassador-admin_names key'
}

_ambassador-admin_key_revoke() {
    _arguments -s -S : \
        --keep-replacements'[Revoke only the named keys, not those that replaced them.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:ID:_ambassador-admin_names key'
}

_ambassador-admin_enrolment() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the one-time codes that can still be exchanged; the codes themselves are not shown.'
        'cancel:Cancel one-time codes before they expire; a key that one was exchanged for stays valid.'
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
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --user='[Only those of this user.]:USER:_ambassador-admin_names user' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_enrolment_cancel() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:ID:_ambassador-admin_names enrolment'
}

_ambassador-admin_admin-key() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'issue:Issue an admin key for a program. It is shown only once.'
        'list:List the admin keys and the logins.'
        'revoke:Revoke admin keys, or end logins, at once and permanently.'
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
        '*'--role='[A role of the key\: admin, operator, provisioner, auditor, monitor or scim; may be repeated.]:ROLE: ' \
        --for='[Expire after 30d, 52w, …]:DURATION: ' \
        --issuer='[With the role scim\: the issuer that describes its users.]:NAME:_ambassador-admin_names issuer' \
        --key-file='[Write the key to this new file, with mode 0600, and do not show it.]:FILE:_files' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME: '
}

_ambassador-admin_admin-key_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_admin-key_revoke() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names admin-key'
}

_ambassador-admin_subscription() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the subscriptions.'
        'set:Subscribe a client to an MCP\: to all of it, or to what --tool, --resource and --prompt name.'
        'remove:Remove a subscription\: the client gets all of automatic grants, and nothing of opt-in grants.'
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
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_subscription_set() {
    _arguments -s -S : \
        '*'--tool='[Select only these tools; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        '*'--resource='[Resources by URI; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        '*'--prompt='[Prompts by name; '\''*'\'' matches anything; may be repeated.]:PATTERN: ' \
        --none'[Select nothing, so that the client does not see the MCP.]' \
        --allow-unmatched'[Accept names and patterns that match no known tool.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':KEY:_ambassador-admin_names key' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_subscription_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        ':KEY:_ambassador-admin_names key' \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_session() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the open sessions.'
        'revoke:Revoke sessions; a client registers again unless its key is revoked, too.'
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
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --user='[Only those of this user.]:USER:_ambassador-admin_names user' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_session_revoke() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:ID:_ambassador-admin_names session'
}

_ambassador-admin_issuer() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'add:Trust an issuer\: its access tokens are accepted from the next request on.'
        'update:Change an issuer, with effect from the next request; options that are not given change nothing.'
        'list:List the issuers.'
        'show:Show an issuer.'
        'remove:Remove issuers\: their tokens are refused at once, and calls in flight with them stop.'
        'test:Explain what an access token would become\: each check, the user and the groups; the token is never shown.'
        'import:Print the permissions of mcp-gateway'\''s configuration (auth) as YAML for `diff` and `apply`; changes nothing.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                add) _ambassador-admin_issuer_add ;;
                update) _ambassador-admin_issuer_update ;;
                list) _ambassador-admin_issuer_list ;;
                show) _ambassador-admin_issuer_show ;;
                remove) _ambassador-admin_issuer_remove ;;
                test) _ambassador-admin_issuer_test ;;
                import) _ambassador-admin_issuer_import ;;
            esac
            ;;
    esac
}

_ambassador-admin_issuer_add() {
    _arguments -s -S : \
        --url='[The issuer exactly as its tokens name it (iss).]:URL: ' \
        '*'--audience='[What its tokens for this server are for (aud).]:AUDIENCE: ' \
        --gateway='[The API gateway, by its name in the server'\''s configuration, whose headers are the claims.]:GATEWAY: ' \
        '*'--scope='[A scope that tokens must have; may be repeated.]:SCOPE: ' \
        '(--create-users --no-create-users)'{--create-users,--no-create-users}'[Create users whom tokens name first, without a group.]' \
        '*'--id-jag-client='[A client that may exchange identity assertions (ID-JAG) of the issuer for tokens of this server, and its secret\: env\://NAME or file\://PATH; may be repeated.]:CLIENT_ID=REFERENCE: ' \
        --ca-file='[With --preset certificates\: the certificate of the authority, in place of --url.]:FILE:_files' \
        '(--beside-key --no-beside-key)'{--beside-key,--no-beside-key}'[Accept its certificates only beside a key of the same user.]' \
        --login-client-id='[The public client there with which people sign in here.]:ID: ' \
        '*'--login-scope='[A scope that it asks for; may be repeated. Default\: openid, profile, email.]:SCOPE: ' \
        '*'--algorithm='[How tokens may be signed, such as RS256, ES256 or EdDSA; may be repeated. Default\: RS256.]:ALGORITHM: ' \
        --keys-url='[Where the keys are. Default\: found by discovery.]:URL: ' \
        --secret='[For HS256 the secret that the issuer shares with this server, with --introspection that of the client, or its private key\: env\://NAME, file\://PATH or hashicorp\://PATH.]:REFERENCE: ' \
        --introspection'[Ask the issuer about each token (RFC 7662); needs --client-id, --secret.]' \
        --introspection-url='[Where the issuer is asked. Default\: found by discovery.]:URL: ' \
        --client-id='[The client that this server is at the issuer.]:ID: ' \
        --token-prefix='[How its opaque tokens begin; several issuers that are asked need different ones.]:TEXT: ' \
        '(--private-addresses --no-private-addresses)'{--private-addresses,--no-private-addresses}'[Permit an issuer at loopback and private addresses.]' \
        --subject-claim='[What never changes for a user. Default\: sub.]:CLAIM: ' \
        '*'--user-claim='[The name of the user; if repeated, the first that a token has. Default\: preferred_username.]:CLAIM: ' \
        --email-claim='[The mail address. Default\: email.]:CLAIM: ' \
        '*'--group-claim='[Groups, by name or path, such as realm_access.roles; may be repeated. Default\: groups.]:CLAIM: ' \
        --group-prefix='[How the groups here begin that its groups mean. Default\: its name and a dot.]:PREFIX: ' \
        '*'--map='[The group here that one of its groups means, such as a GUID; may be repeated.]:CLAIMED=GROUP: ' \
        --host-client-id='[The client of this server there, through which applications log in that have none.]:ID: ' \
        --host-client-secret='[Its secret, if it has one\: env\://NAME, file\://PATH or hashicorp\://PATH.]:REFERENCE: ' \
        '*'--host-redirect='[Where browsers may be sent back to besides the user'\''s machine, such as https\://vscode.dev/redirect; may be repeated.]:URI: ' \
        '*'--host-scope='[A scope that applications may ask for besides --scope, such as offline_access; may be repeated.]:SCOPE: ' \
        '(--host-omits-resource --no-host-omits-resource)'{--host-omits-resource,--no-host-omits-resource}'[Do not name the resource, nor ask for consent again\: Entra refuses both.]' \
        --preset='[Whose tokens these are\: generic, okta, entra, keycloak, open-webui, traefik, apim, open-webui-headers, certificates.]:PRESET: ' \
        --owner='[The label of the declarative file that owns the issuer.]:LABEL: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names issuer'
}

_ambassador-admin_issuer_update() {
    _arguments -s -S : \
        --url='[The issuer exactly as its tokens name it (iss).]:URL: ' \
        '*'--audience='[What its tokens for this server are for (aud).]:AUDIENCE: ' \
        --gateway='[The API gateway, by its name in the server'\''s configuration, whose headers are the claims.]:GATEWAY: ' \
        '*'--scope='[A scope that tokens must have; may be repeated.]:SCOPE: ' \
        '(--create-users --no-create-users)'{--create-users,--no-create-users}'[Create users whom tokens name first, without a group.]' \
        '*'--id-jag-client='[A client that may exchange identity assertions (ID-JAG) of the issuer for tokens of this server, and its secret\: env\://NAME or file\://PATH; may be repeated.]:CLIENT_ID=REFERENCE: ' \
        --ca-file='[With --preset certificates\: the certificate of the authority, in place of --url.]:FILE:_files' \
        '(--beside-key --no-beside-key)'{--beside-key,--no-beside-key}'[Accept its certificates only beside a key of the same user.]' \
        --login-client-id='[The public client there with which people sign in here.]:ID: ' \
        '*'--login-scope='[A scope that it asks for; may be repeated. Default\: openid, profile, email.]:SCOPE: ' \
        '*'--algorithm='[How tokens may be signed, such as RS256, ES256 or EdDSA; may be repeated. Default\: RS256.]:ALGORITHM: ' \
        --keys-url='[Where the keys are. Default\: found by discovery.]:URL: ' \
        --secret='[For HS256 the secret that the issuer shares with this server, with --introspection that of the client, or its private key\: env\://NAME, file\://PATH or hashicorp\://PATH.]:REFERENCE: ' \
        --introspection'[Ask the issuer about each token (RFC 7662); needs --client-id, --secret.]' \
        --introspection-url='[Where the issuer is asked. Default\: found by discovery.]:URL: ' \
        --client-id='[The client that this server is at the issuer.]:ID: ' \
        --token-prefix='[How its opaque tokens begin; several issuers that are asked need different ones.]:TEXT: ' \
        '(--private-addresses --no-private-addresses)'{--private-addresses,--no-private-addresses}'[Permit an issuer at loopback and private addresses.]' \
        --subject-claim='[What never changes for a user. Default\: sub.]:CLAIM: ' \
        '*'--user-claim='[The name of the user; if repeated, the first that a token has. Default\: preferred_username.]:CLAIM: ' \
        --email-claim='[The mail address. Default\: email.]:CLAIM: ' \
        '*'--group-claim='[Groups, by name or path, such as realm_access.roles; may be repeated. Default\: groups.]:CLAIM: ' \
        --group-prefix='[How the groups here begin that its groups mean. Default\: its name and a dot.]:PREFIX: ' \
        '*'--map='[The group here that one of its groups means, such as a GUID; may be repeated.]:CLAIMED=GROUP: ' \
        --host-client-id='[The client of this server there, through which applications log in that have none.]:ID: ' \
        --host-client-secret='[Its secret, if it has one\: env\://NAME, file\://PATH or hashicorp\://PATH.]:REFERENCE: ' \
        '*'--host-redirect='[Where browsers may be sent back to besides the user'\''s machine, such as https\://vscode.dev/redirect; may be repeated.]:URI: ' \
        '*'--host-scope='[A scope that applications may ask for besides --scope, such as offline_access; may be repeated.]:SCOPE: ' \
        '(--host-omits-resource --no-host-omits-resource)'{--host-omits-resource,--no-host-omits-resource}'[Do not name the resource, nor ask for consent again\: Entra refuses both.]' \
        --owner='[The label of the declarative file that owns the issuer; '\'''\'' for none.]:LABEL: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names issuer'
}

_ambassador-admin_issuer_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_issuer_show() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':NAME:_ambassador-admin_names issuer'
}

_ambassador-admin_issuer_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names issuer'
}

_ambassador-admin_issuer_test() {
    _arguments -s -S : \
        --token='[env\://NAME, file\://PATH or - for stdin; else a prompt.]:SOURCE: ' \
        '*'--header='[What a gateway would send, in place of a token; may be repeated.]:NAME\:VALUE: ' \
        --check'[Exit with code 1 if the token is refused.]' \
        $shared \
        ':NAME:_ambassador-admin_names issuer'
}

_ambassador-admin_issuer_import() {
    _arguments -s -S : \
        --name='[The name of the issuer here.]:NAME: ' \
        --url='[The issuer exactly as its tokens name it (iss).]:URL: ' \
        '*'--audience='[What its tokens for this server are for (aud).]:AUDIENCE: ' \
        --preset='[Whose tokens these are; see `issuer add`.]:PRESET: ' \
        --owner='[The owner in the file that is printed.]:LABEL: ' \
        $shared \
        ':FILE:_files'
}

_ambassador-admin_certificate() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'revoke:Believe a certificate no more\: what it may do ends within a second, also open connections and running calls.'
        'restore:Believe revoked certificates again.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                revoke) _ambassador-admin_certificate_revoke ;;
                restore) _ambassador-admin_certificate_restore ;;
            esac
            ;;
    esac
}

_ambassador-admin_certificate_revoke() {
    _arguments -s -S : \
        --issuer='[The issuer that signed it; see issuer list.]:NAME:_ambassador-admin_names issuer' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':SERIAL: '
}

_ambassador-admin_certificate_restore() {
    _arguments -s -S : \
        --issuer='[The issuer that signed it; see issuer list.]:NAME:_ambassador-admin_names issuer' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:SERIAL: '
}

_ambassador-admin_limit() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'set:Create a limit, or replace the one of this name; it holds from the next call on.'
        'list:List the limits.'
        'show:Show a limit.'
        'remove:Remove limits; the next call is made without them.'
        'top:Show the counters that are the fullest now, on the server that answers; each server counts for itself.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                set) _ambassador-admin_limit_set ;;
                list) _ambassador-admin_limit_list ;;
                show) _ambassador-admin_limit_show ;;
                remove) _ambassador-admin_limit_remove ;;
                top) _ambassador-admin_limit_top ;;
            esac
            ;;
    esac
}

_ambassador-admin_limit_set() {
    _arguments -s -S : \
        --tool='[One tool, as mcp.tool; all users together.]:TOOL: ' \
        --mcp='[One MCP; all users together.]:MCP:_ambassador-admin_names mcp' \
        --tool-class='[Every tool of a class\: read-only, write or destructive; all users together.]:CLASS: ' \
        --key='[One client key, by its id or its beginning, with the keys that replace it.]:KEY:_ambassador-admin_names key' \
        --user='[One user, with all keys.]:USER:_ambassador-admin_names user' \
        --group='[Each member of a group.]:GROUP:_ambassador-admin_names group' \
        --everyone'[Each user.]' \
        --calls-per-minute='[Calls a minute. At least 1.]:N: ' \
        --burst='[How many may come at once. Default\: those of a minute. At least 1.]:N: ' \
        --calls-per-day='[Calls a day, which begins at 00\:00 UTC. At least 1.]:N: ' \
        --in-flight='[Calls that run at the same time. At least 1.]:N: ' \
        --argument-bytes='[Bytes of the arguments of a call. At least 1.]:N: ' \
        --result-bytes='[Bytes of the result of a call. At least 1.]:N: ' \
        --owner='[The label of the declarative file that owns the limit.]:LABEL: ' \
        --allow-unmatched'[Accept names and patterns that match no known tool.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':NAME:_ambassador-admin_names limit'
}

_ambassador-admin_limit_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_limit_show() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':NAME:_ambassador-admin_names limit'
}

_ambassador-admin_limit_remove() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared \
        '*:NAME:_ambassador-admin_names limit'
}

_ambassador-admin_limit_top() {
    _arguments -s -S : \
        --limit='[How many counters to show. At least 1.]:N: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_approval() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'list:List the requests, newest first; those that are over are forgotten after 30 days.'
        'show:Show a request with what it asks for\: the arguments of a call, as the audit policy of the MCP lets them be seen.'
        'approve:Approve a request\: one call with these arguments, or access for some time. Nobody approves their own.'
        'deny:Deny a request; the same call is not asked for again for ten minutes.'
        'watch:Show each request that waits, and new ones as they come, until Ctrl-C; JSON lines when stdout is no terminal.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                list) _ambassador-admin_approval_list ;;
                show) _ambassador-admin_approval_show ;;
                approve) _ambassador-admin_approval_approve ;;
                deny) _ambassador-admin_approval_deny ;;
                watch) _ambassador-admin_approval_watch ;;
            esac
            ;;
    esac
}

_ambassador-admin_approval_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --pending'[Only those that wait for a decision.]' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_approval_show() {
    _arguments -s -S : \
        $shared \
        ':ID:_ambassador-admin_names approval'
}

_ambassador-admin_approval_approve() {
    _arguments -s -S : \
        --reason='[Why; the user who asked sees it.]:TEXT: ' \
        --for='[For a shorter time than was asked for\: 5m, 1h.]:DURATION: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names approval'
}

_ambassador-admin_approval_deny() {
    _arguments -s -S : \
        --reason='[Why; the user who asked sees it.]:TEXT: ' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':ID:_ambassador-admin_names approval'
}

_ambassador-admin_approval_watch() {
    _arguments -s -S : \
        --every='[How often to look; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_kill() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'everyone:Stop every call of every user.'
        'user:Stop one user.'
        'group:Stop every member of a group.'
        'key:Stop one client key, by its id or the beginning of it, and the keys that replaced it.'
        'session:Stop one client process, by its session'\''s id or the beginning of it.'
        'mcp:Stop every call to one MCP.'
        'tool:Stop one tool everywhere, by its name as `mcp.tool`.'
        'tool-class:Stop every tool of a class\: read-only, write or destructive.'
        'show:Show a kill switch and its impact; for a drill or an ended one, the impact it would have if it were in force.'
        'list:List the kill switches that are in force, and the drills.'
        'lift:Lift kill switches at once.'
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
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared
}

_ambassador-admin_kill_user() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_kill_group() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':GROUP:_ambassador-admin_names group'
}

_ambassador-admin_kill_key() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':KEY:_ambassador-admin_names key'
}

_ambassador-admin_kill_session() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':SESSION:_ambassador-admin_names session'
}

_ambassador-admin_kill_mcp() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':MCP:_ambassador-admin_names mcp'
}

_ambassador-admin_kill_tool() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --allow-unmatched'[Accept names and patterns that match no known tool.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':TOOL: '
}

_ambassador-admin_kill_tool-class() {
    _arguments -s -S : \
        --reason='[Why; recorded in the audit.]:TEXT: ' \
        --for='[Expire after 30m, 2h, …]:DURATION: ' \
        --message='[The message that stopped users get.]:TEXT: ' \
        --drill'[Record the switch without stopping anything.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        ':CLASS:(read-only write destructive)'
}

_ambassador-admin_kill_show() {
    _arguments -s -S : \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':ID:_ambassador-admin_names switch'
}

_ambassador-admin_kill_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --all'[Also those that were lifted or have expired.]' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared
}

_ambassador-admin_kill_lift() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '*:ID:_ambassador-admin_names switch'
}

_ambassador-admin_access() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'explain:Show whether a user may use something now, the rule that decides, the others, and what would change the decision.'
        'list:List the tools that a user may call now, and the keys with which that is so; or the resources or prompts.'
        'who-can:List the users who may use something now\: a tool, what --resource or --prompt names, or a match of a pattern.'
        'test:Compare the policy in force with the expectations in a file; exit code 1 when one is not met.'
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
                list) _ambassador-admin_access_list ;;
                who-can) _ambassador-admin_access_who-can ;;
                test) _ambassador-admin_access_test ;;
            esac
            ;;
    esac
}

_ambassador-admin_access_explain() {
    _arguments -s -S : \
        --resource='[A resource instead of a tool, by its URI.]:URI: ' \
        --prompt='[A prompt instead of a tool, as mcp.prompt or as published.]:NAME: ' \
        --key='[A key of the user, by name or id; by default the best one.]:KEY:_ambassador-admin_names key' \
        --issuer='[An access token of this issuer instead of a key.]:NAME:_ambassador-admin_names issuer' \
        '*'--claimed-group='[A group that the token names; may be repeated.]:GROUP: ' \
        --token='[The token itself\: env\://NAME, file\://PATH or - for stdin. It is not shown.]:SOURCE: ' \
        --args='[The arguments of a call of the tool; by default those that permit most.]:JSON: ' \
        --check'[Exit with code 1 if the user may not use it.]' \
        $shared \
        ':USER:_ambassador-admin_names user' \
        '::TOOL: '
}

_ambassador-admin_access_list() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --key='[Only with this key of the user, by name or id.]:KEY:_ambassador-admin_names key' \
        --resources'[List resources instead of tools.]' \
        --prompts'[List prompts instead of tools.]' \
        --issuer='[An access token of this issuer instead of a key.]:NAME:_ambassador-admin_names issuer' \
        '*'--claimed-group='[A group that the token names; may be repeated.]:GROUP: ' \
        --token='[The token itself\: env\://NAME, file\://PATH or - for stdin. It is not shown.]:SOURCE: ' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        ':USER:_ambassador-admin_names user'
}

_ambassador-admin_access_who-can() {
    _arguments -s -S : \
        '*'--filter='[Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '\''*'\'' matches anything. May be repeated.]:FIELD=VALUE: ' \
        --sort='[Sort by a field; -FIELD for descending order.]:FIELD: ' \
        --limit='[The maximum number of rows. At least 1.]:N: ' \
        --resource='[A resource instead of a tool, by its URI.]:URI: ' \
        --prompt='[A prompt instead of a tool, as mcp.prompt or as published.]:NAME: ' \
        --expired'[Also list users who may not any more\: their grant has expired.]' \
        --claims'[List which groups of which issuers give it to a token, instead of users.]' \
        --watch'[Show the result again whenever it changes, until Ctrl-C.]' \
        --every='[How often --watch looks; by default 2s.]:DURATION: ' \
        $shared \
        '::TOOL: '
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
        'show:Show every event of one request\: who, what, the rule that decided, the outcome and the duration.'
        'stats:Count events by one word of the query language, or by hour. A call counts once.'
        'tail:Show the latest events, oldest first; as JSON lines when stdout is no terminal.'
        'export:Write events, oldest first, in a format for other systems.'
        'verify:Verify that no record was changed, removed or added; exit code 1 if one was, with the first such record.'
        'key:Show the public keys that checkpoints are signed with; store them where the server cannot change them.'
        'fetch:Copy the audit log and its public keys to a directory, which can be verified without the server.'
        'prune:Remove old records\: whole segments of the log, and index entries. The rest can still be verified.'
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
                fetch) _ambassador-admin_audit_fetch ;;
                prune) _ambassador-admin_audit_prune ;;
            esac
            ;;
    esac
}

_ambassador-admin_audit_query() {
    _arguments -s -S : \
        --where='[A query as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[The name of who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[The name of the object it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[The action, such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny call\:tool\:question call\:tool\:answer call\:resource\:attempt call\:resource\:outcome call\:resource\:deny call\:resource\:question call\:resource\:answer call\:prompt\:attempt call\:prompt\:outcome call\:prompt\:deny call\:prompt\:question call\:prompt\:answer session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:token\:accept session\:token\:refuse session\:assertion\:accept session\:assertion\:refuse session\:host-login\:accept session\:host-login\:refuse session\:gateway\:refuse session\:gateway\:ignore session\:sign-in\:accept session\:sign-in\:refuse session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:approve admin\:mcp\:restart admin\:mcp\:test admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:limit\:create admin\:limit\:update admin\:limit\:remove admin\:issuer\:create admin\:issuer\:update admin\:issuer\:remove admin\:issuer\:test admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke approval\:request\:ask approval\:request\:approve approval\:request\:deny approval\:request\:cancel approval\:request\:expire approval\:request\:use credential\:user\:set credential\:user\:remove credential\:user\:revoke credential\:user\:begin-connect credential\:user\:connect credential\:user\:disconnect credential\:token\:refresh credential\:grant\:revoke credential\:client\:register kill\:switch\:activate kill\:switch\:lift system\:downstream\:state system\:breaker\:open system\:breaker\:close system\:definition\:change system\:definition\:trust admin\:audit\:prune admin\:audit\:fetch system\:server\:start system\:server\:stop system\:audit-log\:recovery system\:audit-log\:quarantine system\:audit-log\:anomaly system\:vault\:new-key system\:vault\:rotate system\:audit-log\:accept-loss)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[The reason, such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired unknown_issuer token_expired certificate_revoked token_inactive session_ended mcp_not_published explicit_deny no_grant argument_not_allowed not_subscribed not_selected definition_changed approval_pending approval_denied credential_missing fixed_argument arguments_unreadable limit_exceeded unknown_tool unknown_resource unknown_prompt)' \
        --request='[The id of a request.]:ID: ' \
        --since='[Events from this time on\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Events before this time.]:TIME: ' \
        --limit='[The maximum number of events. At least 1.]:N: ' \
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
        --where='[A query as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[The name of who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[The name of the object it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[The action, such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny call\:tool\:question call\:tool\:answer call\:resource\:attempt call\:resource\:outcome call\:resource\:deny call\:resource\:question call\:resource\:answer call\:prompt\:attempt call\:prompt\:outcome call\:prompt\:deny call\:prompt\:question call\:prompt\:answer session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:token\:accept session\:token\:refuse session\:assertion\:accept session\:assertion\:refuse session\:host-login\:accept session\:host-login\:refuse session\:gateway\:refuse session\:gateway\:ignore session\:sign-in\:accept session\:sign-in\:refuse session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:approve admin\:mcp\:restart admin\:mcp\:test admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:limit\:create admin\:limit\:update admin\:limit\:remove admin\:issuer\:create admin\:issuer\:update admin\:issuer\:remove admin\:issuer\:test admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke approval\:request\:ask approval\:request\:approve approval\:request\:deny approval\:request\:cancel approval\:request\:expire approval\:request\:use credential\:user\:set credential\:user\:remove credential\:user\:revoke credential\:user\:begin-connect credential\:user\:connect credential\:user\:disconnect credential\:token\:refresh credential\:grant\:revoke credential\:client\:register kill\:switch\:activate kill\:switch\:lift system\:downstream\:state system\:breaker\:open system\:breaker\:close system\:definition\:change system\:definition\:trust admin\:audit\:prune admin\:audit\:fetch system\:server\:start system\:server\:stop system\:audit-log\:recovery system\:audit-log\:quarantine system\:audit-log\:anomaly system\:vault\:new-key system\:vault\:rotate system\:audit-log\:accept-loss)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[The reason, such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired unknown_issuer token_expired certificate_revoked token_inactive session_ended mcp_not_published explicit_deny no_grant argument_not_allowed not_subscribed not_selected definition_changed approval_pending approval_denied credential_missing fixed_argument arguments_unreadable limit_exceeded unknown_tool unknown_resource unknown_prompt)' \
        --request='[The id of a request.]:ID: ' \
        --since='[Events from this time on\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Events before this time.]:TIME: ' \
        --by='[What to count by\: tool, user, reason, outcome, action, another word of the query language, or hour.]:WORD: ' \
        --top='[The number of values, by default 10, or of the last hours, by default 24; all others are one row. At least 1.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_tail() {
    _arguments -s -S : \
        --where='[A query as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[The name of who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[The name of the object it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[The action, such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny call\:tool\:question call\:tool\:answer call\:resource\:attempt call\:resource\:outcome call\:resource\:deny call\:resource\:question call\:resource\:answer call\:prompt\:attempt call\:prompt\:outcome call\:prompt\:deny call\:prompt\:question call\:prompt\:answer session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:token\:accept session\:token\:refuse session\:assertion\:accept session\:assertion\:refuse session\:host-login\:accept session\:host-login\:refuse session\:gateway\:refuse session\:gateway\:ignore session\:sign-in\:accept session\:sign-in\:refuse session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:approve admin\:mcp\:restart admin\:mcp\:test admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:limit\:create admin\:limit\:update admin\:limit\:remove admin\:issuer\:create admin\:issuer\:update admin\:issuer\:remove admin\:issuer\:test admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke approval\:request\:ask approval\:request\:approve approval\:request\:deny approval\:request\:cancel approval\:request\:expire approval\:request\:use credential\:user\:set credential\:user\:remove credential\:user\:revoke credential\:user\:begin-connect credential\:user\:connect credential\:user\:disconnect credential\:token\:refresh credential\:grant\:revoke credential\:client\:register kill\:switch\:activate kill\:switch\:lift system\:downstream\:state system\:breaker\:open system\:breaker\:close system\:definition\:change system\:definition\:trust admin\:audit\:prune admin\:audit\:fetch system\:server\:start system\:server\:stop system\:audit-log\:recovery system\:audit-log\:quarantine system\:audit-log\:anomaly system\:vault\:new-key system\:vault\:rotate system\:audit-log\:accept-loss)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[The reason, such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired unknown_issuer token_expired certificate_revoked token_inactive session_ended mcp_not_published explicit_deny no_grant argument_not_allowed not_subscribed not_selected definition_changed approval_pending approval_denied credential_missing fixed_argument arguments_unreadable limit_exceeded unknown_tool unknown_resource unknown_prompt)' \
        --request='[The id of a request.]:ID: ' \
        --since='[Events from this time on\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Events before this time.]:TIME: ' \
        '(-f --follow)'{-f,--follow}'[Show new events as they come, until Ctrl-C.]' \
        '(-n --lines)'{-n+,--lines=}'[Begin with the last N events; by default 10, with --since 1000. At least 0.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_export() {
    _arguments -s -S : \
        --where='[A query as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".]:QUERY: ' \
        --actor='[The name of who did it.]:NAME: ' \
        '(--tool --resource)'{--tool=,--resource=}'[The name of the object it was done to; '\''*'\'' matches anything.]:GLOB: ' \
        --action='[The action, such as call\:tool\:deny.]:ACTION:(call\:tool\:attempt call\:tool\:outcome call\:tool\:deny call\:tool\:question call\:tool\:answer call\:resource\:attempt call\:resource\:outcome call\:resource\:deny call\:resource\:question call\:resource\:answer call\:prompt\:attempt call\:prompt\:outcome call\:prompt\:deny call\:prompt\:question call\:prompt\:answer session\:client\:open session\:client\:close session\:client\:expire session\:client\:refuse session\:key\:redeem session\:key\:new-host session\:token\:accept session\:token\:refuse session\:assertion\:accept session\:assertion\:refuse session\:host-login\:accept session\:host-login\:refuse session\:gateway\:refuse session\:gateway\:ignore session\:sign-in\:accept session\:sign-in\:refuse session\:admin\:open session\:admin\:close session\:admin\:refuse admin\:user\:create admin\:user\:update admin\:user\:set-password admin\:group\:create admin\:group\:update admin\:group\:remove admin\:group\:add-member admin\:group\:remove-member admin\:mcp\:create admin\:mcp\:update admin\:mcp\:archive admin\:mcp\:remove admin\:mcp\:publish admin\:mcp\:approve admin\:mcp\:restart admin\:mcp\:test admin\:grant\:add admin\:grant\:update admin\:grant\:remove admin\:subscription\:set admin\:subscription\:remove admin\:limit\:create admin\:limit\:update admin\:limit\:remove admin\:issuer\:create admin\:issuer\:update admin\:issuer\:remove admin\:issuer\:test admin\:session\:revoke admin\:key\:enrol admin\:enrolment\:cancel admin\:key\:issue admin\:key\:update admin\:key\:rotate admin\:key\:revoke admin\:admin-key\:issue admin\:admin-key\:revoke approval\:request\:ask approval\:request\:approve approval\:request\:deny approval\:request\:cancel approval\:request\:expire approval\:request\:use credential\:user\:set credential\:user\:remove credential\:user\:revoke credential\:user\:begin-connect credential\:user\:connect credential\:user\:disconnect credential\:token\:refresh credential\:grant\:revoke credential\:client\:register kill\:switch\:activate kill\:switch\:lift system\:downstream\:state system\:breaker\:open system\:breaker\:close system\:definition\:change system\:definition\:trust admin\:audit\:prune admin\:audit\:fetch system\:server\:start system\:server\:stop system\:audit-log\:recovery system\:audit-log\:quarantine system\:audit-log\:anomaly system\:vault\:new-key system\:vault\:rotate system\:audit-log\:accept-loss)' \
        --outcome='[permitted, denied, succeeded or failed.]:WORD:(permitted denied succeeded failed)' \
        --reason='[The reason, such as no_grant or kill_switch.]:WORD:(policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired unknown_issuer token_expired certificate_revoked token_inactive session_ended mcp_not_published explicit_deny no_grant argument_not_allowed not_subscribed not_selected definition_changed approval_pending approval_denied credential_missing fixed_argument arguments_unreadable limit_exceeded unknown_tool unknown_resource unknown_prompt)' \
        --request='[The id of a request.]:ID: ' \
        --since='[Events from this time on\: 1h, 7d or 2026-01-31T12\:00\:00Z.]:TIME: ' \
        --until='[Events before this time.]:TIME: ' \
        --format='[One of jsonl, csv, cef, ocsf, original, secure_gateway.]:FORMAT:(jsonl csv cef ocsf original secure_gateway)' \
        --file='[Write to this new file; with --cursor, append to an existing one.]:FILE:_files' \
        --cursor='[Continue after this position of an earlier export. At least 0.]:N: ' \
        $shared \
        '*:\[WORD=VALUE\]...: '
}

_ambassador-admin_audit_verify() {
    _arguments -s -S : \
        --from='[Verify only segments with records after this time.]:TIME: ' \
        --to='[Verify only segments that began before this time.]:TIME: ' \
        --offline='[Verify a copy of the audit directory, without the server.]:DIR:_files' \
        '*'--key='[With --offline\: a trusted public key; may be repeated.]:PUB.pem:_files' \
        '*'--writer='[With --offline\: a writer that must have a log; may be repeated.]:NAME: ' \
        '*'--anchor='[With --offline\: a line of an earlier verification, a file of `ambassador-server audit anchor`, or - for the input; may be repeated.]:W\:SEQ\:DIGEST|FILE: ' \
        $shared
}

_ambassador-admin_audit_key() {
    _arguments -s -S : \
        $shared
}

_ambassador-admin_audit_fetch() {
    _arguments -s -S : \
        $shared \
        ':DIR:_files'
}

_ambassador-admin_audit_prune() {
    _arguments -s -S : \
        --older-than='[Remove records older than this; at least a day.]:DURATION: ' \
        --index-only'[Remove records from the index only; the log keeps them.]' \
        --segments-only'[Remove segments of the log only; the index keeps their records.]' \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask for confirmation.]' \
        $shared
}

_ambassador-admin_server() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'health:Show whether the server can serve calls; exit code 7 if it cannot.'
        'version:Show the version of the server.'
        'config:Show the settings of the running server with their sources\: default, file, environment or flag.'
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
        'list:List every error code with its meaning.'
        'show:Show the meaning of an error code and what to do.'
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

_ambassador-admin_completion() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
        'install:Install the completions of the three programs for your user.'
    )
    _arguments -C -s -S : \
        '(- : *)'{-h,--help}'[Show the help and exit.]' \
        '1: :->command' \
        '*:: :->below'
    case $state in
        command) _describe -t commands command commands ;;
        below)
            case $line[1] in
                install) _ambassador-admin_completion_install ;;
            esac
            ;;
    esac
}

_ambassador-admin_completion_install() {
    _arguments -s -S : \
        --dry-run'[Check the change on the server and show it, but change nothing.]' \
        $shared \
        '::SHELL:(bash zsh fish)'
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
