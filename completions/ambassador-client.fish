# Completion of ambassador-client for fish. Made from its command line by `make docs`; do not edit.

# Succeeds when the command typed so far is the arguments, or with - as argument, when it is no group of commands.
function __ambassador_client_at
    set -l typed
    set -l is_value no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        if test -z "$typed"; and contains -- (string replace -r '=.*' '' -- $word) --config --server --ca-file --friendly-name --host-tool --heartbeat-interval --allow-self-signed
            set typed proxy
        end
        switch $word
            case --
                break
            case '--*=*'
                continue
            case --config --server --ca-file --friendly-name --host-tool --heartbeat-interval -o --output
                set is_value yes
                continue
            case '-*'
                continue
        end
        switch "$typed"
            case ''
                contains -- $word proxy status version; and set -a typed $word
        end
    end
    if test "$argv" = -
        not contains -- "$typed"
    else
        test "$typed" = "$argv"
    end
end

complete -c ambassador-client -f

complete -c ambassador-client -s h -l help -d 'Show the help and exit.'
complete -c ambassador-client -n '__ambassador_client_at' -a proxy -d 'Relay between an AI application and the server; this is what applications start.'
complete -c ambassador-client -n '__ambassador_client_at' -a status -d 'Tell whether the server is reachable, accepts the key, and how many tools it has for you.'
complete -c ambassador-client -n '__ambassador_client_at' -a version -d 'Print the versions of the client and of the protocols it speaks.'
complete -c ambassador-client -n '__ambassador_client_at' -l version -d 'Print the version.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l ca-file -r -F -d 'Trust only the CA certificates in this PEM file.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l friendly-name -x -d 'How administrators see this client.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l host-tool -x -a 'vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom' -d 'The application this client works for.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l heartbeat-interval -x -d 'How often the server hears that we are here, from 15 to 300.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at status' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at status' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at status' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at status' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at status' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at version' -s o -l output -x -a 'table json' -d 'The format of the answer.'
