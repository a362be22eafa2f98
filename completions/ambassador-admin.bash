# Completion of ambassador-admin for bash. Made from its command line by `make docs`; do not edit.

# Sets `commands` and `options` to what may follow the command `path`.
_ambassador_admin_words() {
    local shared="--server --ca --context -o --output --fields --jq --no-headers -q --quiet --no-color -h --help"
    commands="" options=""
    case $path in
        "") commands="login logout whoami change-password status version export diff apply context config user group mcp credential grant key enrolment admin-key subscription session issuer certificate limit approval kill access audit server errors completion help" options="--server --ca --context -o --output --fields --jq --no-headers -q --quiet --no-color -V --version -h --help" ;;
        "login") options="--key-from --user --password-from --replace --sso --issuer --device --cert --cert-key --cert-passphrase-from --fingerprint --dry-run $shared" ;;
        "logout") options="--dry-run $shared" ;;
        "whoami") options="$shared" ;;
        "change-password") options="--current-from --password-from --dry-run $shared" ;;
        "status") options="--watch --every $shared" ;;
        "version") options="$shared" ;;
        "export") options="--owner $shared" ;;
        "diff") options="-f --file --prune --take-over --allow-unmatched $shared" ;;
        "apply") options="-f --file --prune --take-over --allow-unmatched --keys-to --keys-command --dry-run -y --yes $shared" ;;
        "context") commands="list use remove" options="-h --help" ;;
        "context list") options="$shared" ;;
        "context use") options="--dry-run $shared" ;;
        "context remove") options="--dry-run $shared" ;;
        "config") commands="view" options="-h --help" ;;
        "config view") options="--show-origin $shared" ;;
        "user") commands="create list show update suspend activate deactivate unbind reset-password" options="-h --help" ;;
        "user create") options="--display-name --email --role --source --group --meta-tools --dry-run $shared" ;;
        "user list") options="--filter --sort --limit --watch --every $shared" ;;
        "user show") options="$shared" ;;
        "user update") options="--display-name --email --role --no-roles --source --owner --meta-tools --dry-run $shared" ;;
        "user suspend") options="--dry-run $shared" ;;
        "user activate") options="--dry-run $shared" ;;
        "user deactivate") options="--dry-run -y --yes $shared" ;;
        "user unbind") options="--dry-run -y --yes $shared" ;;
        "user reset-password") options="--password-from --generate --dry-run $shared" ;;
        "group") commands="create list show update delete add-member remove-member" options="-h --help" ;;
        "group create") options="--description --dry-run $shared" ;;
        "group list") options="--filter --sort --limit --watch --every $shared" ;;
        "group show") options="$shared" ;;
        "group update") options="--description --status --owner --dry-run $shared" ;;
        "group delete") options="--dry-run -y --yes $shared" ;;
        "group add-member") options="--dry-run $shared" ;;
        "group remove-member") options="--dry-run $shared" ;;
        "mcp") commands="add update list show publish test archive remove restart status logs tools approve transform resources prompts broadcast" options="-h --help" ;;
        "mcp add") options="--transport --url --header --env --option --display-name --description --tag --arguments --timeout --max-in-flight --failures --grace --isolation --pin --prefix --no-prefix --sessions --broadcast --owner --publish --grant --dry-run $shared" ;;
        "mcp update") options="--transport --url --header --env --option --display-name --description --tag --arguments --timeout --max-in-flight --failures --grace --isolation --pin --prefix --no-prefix --sessions --broadcast --owner --no-test --credential --dry-run $shared" ;;
        "mcp list") options="--filter --sort --limit --watch --every $shared" ;;
        "mcp show") options="--watch --every $shared" ;;
        "mcp publish") options="--credential --dry-run $shared" ;;
        "mcp test") options="--credential $shared" ;;
        "mcp archive") options="--dry-run -y --yes $shared" ;;
        "mcp remove") options="--dry-run -y --yes $shared" ;;
        "mcp restart") options="--dry-run $shared" ;;
        "mcp status") options="--watch --every $shared" ;;
        "mcp logs") options="-n --lines $shared" ;;
        "mcp tools") options="--filter --sort --limit --diff $shared" ;;
        "mcp approve") options="--strict --dry-run -y --yes $shared" ;;
        "mcp transform") options="--rename --description --description-suffix --hide --show --fixed --default --annotation --result-bytes --timeout --reset --dry-run $shared" ;;
        "mcp resources") options="--filter --sort --limit $shared" ;;
        "mcp prompts") options="--filter --sort --limit $shared" ;;
        "mcp broadcast") options="--tag --dry-run $shared" ;;
        "credential") commands="declare oauth undeclare fields list status revoke" options="-h --help" ;;
        "credential declare") options="--environment --header --query --argument --template --title --help-text --from --list-with --optional --not-secret --no-test --dry-run $shared" ;;
        "credential oauth") options="--grant --client-id --client-secret --scope --resource --issuer --authorization-endpoint --token-endpoint --device-endpoint --revocation-endpoint --private-addresses --provider --provider-client-id --provider-client-secret --subject-type --no-test --dry-run $shared" ;;
        "credential undeclare") options="--no-test --dry-run -y --yes $shared" ;;
        "credential fields") options="--watch --every $shared" ;;
        "credential list") options="--filter --sort --limit --user --mcp --status --watch --every $shared" ;;
        "credential status") options="--watch --every $shared" ;;
        "credential revoke") options="--user --mcp --dry-run -y --yes $shared" ;;
        "grant") commands="add update show list remove" options="-h --help" ;;
        "grant add") options="--tool --resource --prompt --when --constraints --approval --approvers --valid --deny --opt-in --allow-unmatched --owner --for --until --dry-run $shared" ;;
        "grant update") options="--when --constraints --no-constraints --approval --approvers --valid --no-approval --dry-run $shared" ;;
        "grant show") options="$shared" ;;
        "grant list") options="--filter --sort --limit --watch --every $shared" ;;
        "grant remove") options="--dry-run -y --yes $shared" ;;
        "key") commands="issue enrol rotate list update suspend activate revoke" options="-h --help" ;;
        "key issue") options="--name --for --owner --if-missing --meta-tools --key-file --to-command --dry-run $shared" ;;
        "key enrol") options="--name --for --key-for --dry-run $shared" ;;
        "key rotate") options="--overlap --key-file --to-command --dry-run $shared" ;;
        "key list") options="--filter --sort --limit --user --watch --every $shared" ;;
        "key update") options="--meta-tools --dry-run $shared" ;;
        "key suspend") options="--dry-run $shared" ;;
        "key activate") options="--dry-run $shared" ;;
        "key revoke") options="--keep-replacements --dry-run -y --yes $shared" ;;
        "enrolment") commands="list cancel" options="-h --help" ;;
        "enrolment list") options="--filter --sort --limit --user --watch --every $shared" ;;
        "enrolment cancel") options="--dry-run -y --yes $shared" ;;
        "admin-key") commands="issue list revoke" options="-h --help" ;;
        "admin-key issue") options="--role --for --issuer --key-file --dry-run $shared" ;;
        "admin-key list") options="--filter --sort --limit --watch --every $shared" ;;
        "admin-key revoke") options="--dry-run -y --yes $shared" ;;
        "subscription") commands="list set remove" options="-h --help" ;;
        "subscription list") options="--filter --sort --limit --watch --every $shared" ;;
        "subscription set") options="--tool --resource --prompt --none --allow-unmatched --dry-run $shared" ;;
        "subscription remove") options="--dry-run -y --yes $shared" ;;
        "session") commands="list revoke" options="-h --help" ;;
        "session list") options="--filter --sort --limit --user --watch --every $shared" ;;
        "session revoke") options="--dry-run -y --yes $shared" ;;
        "issuer") commands="add update list show remove test import" options="-h --help" ;;
        "issuer add") options="--url --audience --gateway --scope --create-users --no-create-users --id-jag-client --ca-file --beside-key --no-beside-key --login-client-id --login-scope --algorithm --keys-url --secret --introspection --introspection-url --client-id --token-prefix --private-addresses --no-private-addresses --subject-claim --user-claim --email-claim --group-claim --group-prefix --map --host-client-id --host-client-secret --host-redirect --host-scope --host-omits-resource --no-host-omits-resource --preset --owner --dry-run $shared" ;;
        "issuer update") options="--url --audience --gateway --scope --create-users --no-create-users --id-jag-client --ca-file --beside-key --no-beside-key --login-client-id --login-scope --algorithm --keys-url --secret --introspection --introspection-url --client-id --token-prefix --private-addresses --no-private-addresses --subject-claim --user-claim --email-claim --group-claim --group-prefix --map --host-client-id --host-client-secret --host-redirect --host-scope --host-omits-resource --no-host-omits-resource --owner --dry-run $shared" ;;
        "issuer list") options="--filter --sort --limit --watch --every $shared" ;;
        "issuer show") options="--watch --every $shared" ;;
        "issuer remove") options="--dry-run -y --yes $shared" ;;
        "issuer test") options="--token --header --check $shared" ;;
        "issuer import") options="--name --url --audience --preset --owner $shared" ;;
        "certificate") commands="revoke restore" options="-h --help" ;;
        "certificate revoke") options="--issuer --dry-run $shared" ;;
        "certificate restore") options="--issuer --dry-run -y --yes $shared" ;;
        "limit") commands="set list show remove top" options="-h --help" ;;
        "limit set") options="--tool --mcp --tool-class --key --user --group --everyone --calls-per-minute --burst --calls-per-day --in-flight --argument-bytes --result-bytes --owner --allow-unmatched --dry-run $shared" ;;
        "limit list") options="--filter --sort --limit --watch --every $shared" ;;
        "limit show") options="--watch --every $shared" ;;
        "limit remove") options="--dry-run -y --yes $shared" ;;
        "limit top") options="--limit --watch --every $shared" ;;
        "approval") commands="list show approve deny watch" options="-h --help" ;;
        "approval list") options="--filter --sort --limit --pending --watch --every $shared" ;;
        "approval show") options="$shared" ;;
        "approval approve") options="--reason --for --dry-run $shared" ;;
        "approval deny") options="--reason --dry-run $shared" ;;
        "approval watch") options="--every $shared" ;;
        "kill") commands="everyone user group key session mcp tool tool-class show list lift" options="-h --help" ;;
        "kill everyone") options="--reason --for --message --drill --dry-run -y --yes $shared" ;;
        "kill user") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill group") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill key") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill session") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill mcp") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill tool") options="--reason --for --message --drill --allow-unmatched --dry-run $shared" ;;
        "kill tool-class") options="--reason --for --message --drill --dry-run $shared" ;;
        "kill show") options="--watch --every $shared" ;;
        "kill list") options="--filter --sort --limit --all --watch --every $shared" ;;
        "kill lift") options="--dry-run $shared" ;;
        "access") commands="explain list who-can test" options="-h --help" ;;
        "access explain") options="--resource --prompt --key --issuer --claimed-group --token --args --check $shared" ;;
        "access list") options="--filter --sort --limit --key --resources --prompts --issuer --claimed-group --token --watch --every $shared" ;;
        "access who-can") options="--filter --sort --limit --resource --prompt --expired --claims --watch --every $shared" ;;
        "access test") options="$shared" ;;
        "audit") commands="query show stats tail export verify key fetch prune" options="-h --help" ;;
        "audit query") options="--where --actor --tool --resource --action --outcome --reason --request --since --until --limit $shared" ;;
        "audit show") options="$shared" ;;
        "audit stats") options="--where --actor --tool --resource --action --outcome --reason --request --since --until --by --top $shared" ;;
        "audit tail") options="--where --actor --tool --resource --action --outcome --reason --request --since --until -f --follow -n --lines $shared" ;;
        "audit export") options="--where --actor --tool --resource --action --outcome --reason --request --since --until --format --file --cursor $shared" ;;
        "audit verify") options="--from --to --offline --key --writer --anchor $shared" ;;
        "audit key") options="$shared" ;;
        "audit fetch") options="$shared" ;;
        "audit prune") options="--older-than --index-only --segments-only --dry-run -y --yes $shared" ;;
        "server") commands="health version config" options="-h --help" ;;
        "server health") options="$shared" ;;
        "server version") options="$shared" ;;
        "server config") options="$shared" ;;
        "errors") commands="list show" options="-h --help" ;;
        "errors list") options="$shared" ;;
        "errors show") options="$shared" ;;
        "completion") commands="install" options="-h --help" ;;
        "completion install") options="--dry-run $shared" ;;
        "help") commands="environment exit-codes" options="-h --help" ;;
        "help environment") options="$shared" ;;
        "help exit-codes") options="$shared" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what belongs behind the option $1 of the command `path`; a flag takes nothing.
_ambassador_admin_option() {
    takes="" choices="" live=""
    case $path:$1 in
        *:--server | *:--fields | *:--jq | *:--key-from | "login":--user | *:--password-from | "login":--issuer | "credential oauth":--issuer | *:--cert-passphrase-from | *:--fingerprint | *:--current-from | *:--every | *:--owner | *:--keys-command | *:--display-name | *:--email | *:--role | *:--source | *:--filter | *:--sort | *:--limit | *:--description | *:--status | "mcp update":--transport | *:--url | *:--header | *:--env | *:--option | *:--tag | *:--timeout | *:--max-in-flight | *:--failures | *:--grace | *:--credential | *:-n | *:--lines | *:--rename | *:--description-suffix | *:--fixed | *:--default | *:--annotation | *:--result-bytes | *:--environment | *:--query | *:--template | *:--title | *:--help-text | *:--from | *:--list-with | *:--client-id | *:--client-secret | *:--scope | *:--resource | *:--authorization-endpoint | *:--token-endpoint | *:--device-endpoint | *:--revocation-endpoint | *:--provider-client-id | *:--provider-client-secret | *:--tool | *:--prompt | *:--when | *:--constraints | *:--valid | *:--for | *:--until | *:--name | *:--to-command | *:--key-for | *:--overlap | *:--audience | *:--gateway | *:--id-jag-client | *:--login-client-id | *:--login-scope | *:--algorithm | *:--keys-url | *:--secret | *:--introspection-url | *:--token-prefix | *:--subject-claim | *:--user-claim | *:--email-claim | *:--group-claim | *:--group-prefix | *:--map | *:--host-client-id | *:--host-client-secret | *:--host-redirect | *:--host-scope | *:--preset | *:--token | *:--tool-class | *:--calls-per-minute | *:--burst | *:--calls-per-day | *:--in-flight | *:--argument-bytes | "approval approve":--reason | "approval deny":--reason | "kill everyone":--reason | "kill user":--reason | "kill group":--reason | "kill key":--reason | "kill session":--reason | "kill mcp":--reason | "kill tool":--reason | "kill tool-class":--reason | *:--message | *:--claimed-group | *:--args | *:--where | *:--actor | *:--request | *:--since | *:--by | *:--top | *:--cursor | *:--to | *:--writer | *:--anchor | *:--older-than) takes=word ;;
        *:--ca | *:--cert | *:--cert-key | "diff":-f | "apply":-f | *:--file | *:--keys-to | *:--key-file | *:--ca-file | "audit verify":--key | *:--offline) takes=file ;;
        *:--context) takes=word live=context ;;
        *:-o | *:--output) takes=word choices="table wide json yaml jsonl csv name" ;;
        "credential list":--user | "credential revoke":--user | "key list":--user | "enrolment list":--user | "session list":--user | "limit set":--user) takes=word live=user ;;
        "admin-key issue":--issuer | "certificate revoke":--issuer | "certificate restore":--issuer | "access explain":--issuer | "access list":--issuer | *:--provider) takes=word live=issuer ;;
        *:--group | "mcp add":--grant | *:--approvers) takes=word live=group ;;
        "user create":--meta-tools | "user update":--meta-tools) takes=word choices="on off" ;;
        "key issue":--meta-tools | "key update":--meta-tools) takes=word choices="on off inherit" ;;
        "mcp add":--transport) takes=word choices="sse stdio streamable_http" ;;
        *:--arguments) takes=word choices="none keys redacted full" ;;
        *:--isolation) takes=word choices="shared per-user" ;;
        *:--pin) takes=word choices="off warn block" ;;
        *:--sessions) takes=word choices="shared per-user auto" ;;
        *:--broadcast) takes=word choices="off read-only all" ;;
        "credential oauth":--grant) takes=word choices="user service-account identity-assertion" ;;
        *:--subject-type) takes=word choices="access-token id-token jwt" ;;
        *:--mcp) takes=word live=mcp ;;
        "limit set":--key | "access explain":--key | "access list":--key) takes=word live=key ;;
        "audit query":--reason | "audit stats":--reason | "audit tail":--reason | "audit export":--reason) takes=word choices="policy_stale kill_switch unknown_user user_not_active unknown_key key_not_active key_expired unknown_issuer token_expired certificate_revoked token_inactive session_ended mcp_not_published explicit_deny no_grant argument_not_allowed not_subscribed not_selected definition_changed approval_pending approval_denied credential_missing fixed_argument arguments_unreadable limit_exceeded unknown_tool unknown_resource unknown_prompt" ;;
        *:--action) takes=word choices="call:tool:attempt call:tool:outcome call:tool:deny call:tool:question call:tool:answer call:resource:attempt call:resource:outcome call:resource:deny call:resource:question call:resource:answer call:prompt:attempt call:prompt:outcome call:prompt:deny call:prompt:question call:prompt:answer session:client:open session:client:close session:client:expire session:client:refuse session:key:redeem session:key:new-host session:token:accept session:token:refuse session:assertion:accept session:assertion:refuse session:host-login:accept session:host-login:refuse session:gateway:refuse session:gateway:ignore session:sign-in:accept session:sign-in:refuse session:admin:open session:admin:close session:admin:refuse admin:user:create admin:user:update admin:user:set-password admin:group:create admin:group:update admin:group:remove admin:group:add-member admin:group:remove-member admin:mcp:create admin:mcp:update admin:mcp:archive admin:mcp:remove admin:mcp:publish admin:mcp:approve admin:mcp:restart admin:mcp:test admin:grant:add admin:grant:update admin:grant:remove admin:subscription:set admin:subscription:remove admin:limit:create admin:limit:update admin:limit:remove admin:issuer:create admin:issuer:update admin:issuer:remove admin:issuer:test admin:session:revoke admin:key:enrol admin:enrolment:cancel admin:key:issue admin:key:update admin:key:rotate admin:key:revoke admin:admin-key:issue admin:admin-key:revoke approval:request:ask approval:request:approve approval:request:deny approval:request:cancel approval:request:expire approval:request:use credential:user:set credential:user:remove credential:user:revoke credential:user:begin-connect credential:user:connect credential:user:disconnect credential:token:refresh credential:grant:revoke credential:client:register kill:switch:activate kill:switch:lift system:downstream:state system:breaker:open system:breaker:close system:definition:change system:definition:trust admin:audit:prune admin:audit:fetch system:server:start system:server:stop system:audit-log:recovery system:audit-log:quarantine system:audit-log:anomaly system:vault:new-key system:vault:rotate system:audit-log:accept-loss" ;;
        *:--outcome) takes=word choices="permitted denied succeeded failed" ;;
        *:--format) takes=word choices="jsonl csv cef ocsf original secure_gateway" ;;
    esac
}

# Sets `takes`, `choices` and `live` to what the command `path` takes as its argument number $1.
_ambassador_admin_argument() {
    takes="" choices="" live=""
    case $path:$1 in
        "context use":1) takes=word live=context ;;
        "context remove":1) takes=word live=context ;;
        "user show":1) takes=word live=user ;;
        "user update":1) takes=word live=user ;;
        "user suspend":*) takes=word live=user ;;
        "user activate":*) takes=word live=user ;;
        "user deactivate":*) takes=word live=user ;;
        "user unbind":*) takes=word live=user ;;
        "user reset-password":1) takes=word live=user ;;
        "group show":1) takes=word live=group ;;
        "group update":1) takes=word live=group ;;
        "group delete":*) takes=word live=group ;;
        "group add-member":1) takes=word live=group ;;
        "group add-member":*) takes=word live=user ;;
        "group remove-member":1) takes=word live=group ;;
        "group remove-member":*) takes=word live=user ;;
        "mcp update":1) takes=word live=mcp ;;
        "mcp show":1) takes=word live=mcp ;;
        "mcp publish":*) takes=word live=mcp ;;
        "mcp test":1) takes=word live=mcp ;;
        "mcp archive":*) takes=word live=mcp ;;
        "mcp remove":*) takes=word live=mcp ;;
        "mcp restart":*) takes=word live=mcp ;;
        "mcp status":1) takes=word live=mcp ;;
        "mcp logs":1) takes=word live=mcp ;;
        "mcp tools":1) takes=word live=mcp ;;
        "mcp approve":1) takes=word live=mcp ;;
        "mcp transform":1) takes=word live=mcp ;;
        "mcp resources":1) takes=word live=mcp ;;
        "mcp prompts":1) takes=word live=mcp ;;
        "mcp broadcast":1) takes=word choices="off read-only all" ;;
        "mcp broadcast":*) takes=word live=mcp ;;
        "credential declare":1) takes=word live=mcp ;;
        "credential oauth":1) takes=word live=mcp ;;
        "credential undeclare":1) takes=word live=mcp ;;
        "credential fields":1) takes=word live=mcp ;;
        "credential status":1) takes=word live=mcp ;;
        "grant add":1) takes=word live=group ;;
        "grant add":2) takes=word live=mcp ;;
        "grant update":1) takes=word live=grant ;;
        "grant show":1) takes=word live=grant ;;
        "grant remove":*) takes=word live=grant ;;
        "key issue":1) takes=word live=user ;;
        "key enrol":1) takes=word live=user ;;
        "key rotate":1) takes=word live=key ;;
        "key update":*) takes=word live=key ;;
        "key suspend":*) takes=word live=key ;;
        "key activate":*) takes=word live=key ;;
        "key revoke":*) takes=word live=key ;;
        "enrolment cancel":*) takes=word live=enrolment ;;
        "admin-key revoke":*) takes=word live=admin-key ;;
        "subscription set":1) takes=word live=key ;;
        "subscription set":2) takes=word live=mcp ;;
        "subscription remove":1) takes=word live=key ;;
        "subscription remove":2) takes=word live=mcp ;;
        "session revoke":*) takes=word live=session ;;
        "issuer add":1) takes=word live=issuer ;;
        "issuer update":1) takes=word live=issuer ;;
        "issuer show":1) takes=word live=issuer ;;
        "issuer remove":*) takes=word live=issuer ;;
        "issuer test":1) takes=word live=issuer ;;
        "issuer import":1) takes=file ;;
        "limit set":1) takes=word live=limit ;;
        "limit show":1) takes=word live=limit ;;
        "limit remove":*) takes=word live=limit ;;
        "approval show":1) takes=word live=approval ;;
        "approval approve":1) takes=word live=approval ;;
        "approval deny":1) takes=word live=approval ;;
        "kill user":1) takes=word live=user ;;
        "kill group":1) takes=word live=group ;;
        "kill key":1) takes=word live=key ;;
        "kill session":1) takes=word live=session ;;
        "kill mcp":1) takes=word live=mcp ;;
        "kill tool-class":1) takes=word choices="read-only write destructive" ;;
        "kill show":1) takes=word live=switch ;;
        "kill lift":*) takes=word live=switch ;;
        "access explain":1) takes=word live=user ;;
        "access list":1) takes=word live=user ;;
        "access test":1) takes=file ;;
        "audit fetch":1) takes=file ;;
        "completion install":1) takes=word choices="bash zsh fish" ;;
    esac
}

_ambassador_admin() {
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

    _ambassador_admin_words
    for ((i = 0; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $expected ]]; then
            expected=""
        elif [[ $literal ]]; then
            ((place++))
        elif [[ $word == -- ]]; then
            literal=1
        elif [[ $word == -* ]]; then
            _ambassador_admin_option "$word"
            expected=$takes
        elif [[ " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            _ambassador_admin_words
        else
            ((place++))
        fi
    done

    takes="" choices="" live=""
    if [[ $expected ]]; then
        _ambassador_admin_option "$word"
    elif [[ -z $literal && $cur == --*=* ]]; then
        before=${cur%%=*}=
        _ambassador_admin_option "${cur%%=*}"
    elif [[ -z $literal && $cur == -* ]]; then
        choices=$options
    elif [[ $commands ]]; then
        choices=$commands
    else
        _ambassador_admin_argument "$place"
    fi
    case $takes in
        file) compopt -o default 2>/dev/null ;;
        directory) compopt -o dirnames 2>/dev/null ;;
    esac
    if [[ $live ]]; then
        while IFS=$'\t' read -r word _; do
            choices+=" $word"
        done < <(command ambassador-admin names "$live" "${cur#"$before"}" "${words[@]}" 2>/dev/null </dev/null)
    fi
    for word in $choices; do
        word=$before$word
        [[ $word == "$cur"* ]] && COMPREPLY[${#COMPREPLY[@]}]=${word#"$kept"}
    done
    return 0
}

complete -F _ambassador_admin ambassador-admin
