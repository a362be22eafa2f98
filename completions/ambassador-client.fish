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
        if test -z "$typed"; and contains -- (string replace -r '=.*' '' -- $word) --config --server --ca-file --fingerprint --account --friendly-name --host-tool --heartbeat-interval --allow-self-signed
            set typed proxy
        end
        switch $word
            case --
                break
            case '--*=*'
                continue
            case --config --server --ca-file --fingerprint --account --friendly-name --host-tool --heartbeat-interval -o --output --key-from --code --overlap
                set is_value yes
                continue
            case '-*'
                continue
        end
        switch "$typed"
            case ''
                contains -- $word proxy status login logout whoami accounts version install uninstall undo account key hosts; and set -a typed $word
            case 'account'
                contains -- $word use; and set -a typed $word
            case 'key'
                contains -- $word rotate; and set -a typed $word
            case 'hosts'
                contains -- $word print; and set -a typed $word
        end
    end
    if test "$argv" = -
        not contains -- "$typed" 'account' 'key' 'hosts'
    else
        test "$typed" = "$argv"
    end
end

complete -c ambassador-client -f

complete -c ambassador-client -s h -l help -d 'Show the help and exit.'
complete -c ambassador-client -n '__ambassador_client_at' -a proxy -d 'Relay between an AI application and the server; this is what applications start.'
complete -c ambassador-client -n '__ambassador_client_at' -a status -d 'Tell whether the server is reachable, accepts the key, who that makes you, and how many tools it has for you.'
complete -c ambassador-client -n '__ambassador_client_at' -a login -d 'Log in to a server, by a key or a one-time code, and keep that as an account.'
complete -c ambassador-client -n '__ambassador_client_at' -a logout -d 'End the sessions of an account and forget its key; the key itself stays good until it is revoked.'
complete -c ambassador-client -n '__ambassador_client_at' -a whoami -d 'Show who you are to the server.'
complete -c ambassador-client -n '__ambassador_client_at' -a accounts -d 'List the accounts of this machine.'
complete -c ambassador-client -n '__ambassador_client_at' -a version -d 'Print the versions of the client and of the protocols it speaks.'
complete -c ambassador-client -n '__ambassador_client_at' -a install -d 'Let AI applications start this client.'
complete -c ambassador-client -n '__ambassador_client_at' -a uninstall -d 'Take this client out of the files of AI applications; whatever else is in them stays.'
complete -c ambassador-client -n '__ambassador_client_at' -a undo -d 'Put the files back as they were before the last install or uninstall.'
complete -c ambassador-client -n '__ambassador_client_at' -a account -d 'Choose among the accounts logged in to.'
complete -c ambassador-client -n '__ambassador_client_at' -a key -d 'The key of an account.'
complete -c ambassador-client -n '__ambassador_client_at' -a hosts -d 'Tell which AI applications are there, and whether they start this client.'
complete -c ambassador-client -n '__ambassador_client_at' -l version -d 'Print the version.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l ca-file -r -F -d 'Trust only the CA certificates in this PEM file.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l friendly-name -x -d 'How administrators see this client.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l host-tool -x -a 'vscode claude-desktop claude-code opencode gemini-cli chatgpt jetbrains cursor windsurf codex zed goose cli custom' -d 'The application this client works for.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l heartbeat-interval -x -d 'How often the server hears that we are here, from 15 to 300.'
complete -c ambassador-client -n '__ambassador_client_at; or __ambassador_client_at proxy' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at status' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at status' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at status' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at status' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at status' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at status' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at status' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at login' -l key-from -x -d 'The key, or a one-time code: env://NAME, file://PATH or - for stdin; else a prompt.'
complete -c ambassador-client -n '__ambassador_client_at login' -l code -x -d 'The one-time code your administrator told you.'
complete -c ambassador-client -n '__ambassador_client_at login' -l keep-default -d 'Leave the default account as it is.'
complete -c ambassador-client -n '__ambassador_client_at login' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at login' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at login' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at login' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at login' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at login' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at login' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at logout' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at logout' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at whoami' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at accounts' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at version' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at install' -l all -d 'All applications that are there.'
complete -c ambassador-client -n '__ambassador_client_at install' -l account -x -d 'Account of `login`, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at install' -l config -r -F -d 'JSON file with settings, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at install' -l server -x -d 'Address of the server, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at install' -l ca-file -r -F -d 'CA certificates, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at install' -l dry-run -d 'Show the differences and change nothing.'
complete -c ambassador-client -n '__ambassador_client_at install' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at install' -a 'claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed' -d 'Names from `hosts`.'
complete -c ambassador-client -n '__ambassador_client_at uninstall' -l all -d 'All applications that start us.'
complete -c ambassador-client -n '__ambassador_client_at uninstall' -l dry-run -d 'Show the differences and change nothing.'
complete -c ambassador-client -n '__ambassador_client_at uninstall' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at uninstall' -a 'claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed' -d 'Names from `hosts`.'
complete -c ambassador-client -n '__ambassador_client_at undo' -l dry-run -d 'Show the differences and change nothing.'
complete -c ambassador-client -n '__ambassador_client_at undo' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at undo' -a 'claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed' -d 'Names from `hosts`.'
complete -c ambassador-client -n '__ambassador_client_at account' -a use -d 'Make an account the default one.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at account use' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at account use' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at key' -a rotate -d 'Take a new key in place of the one in use, which stays good for the overlap.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l overlap -x -d 'How long the old key stays good: 30m, 12h, 7d.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l account -x -d 'The account to use, of those logged in to.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l server -x -d 'Address of the server.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l ca-file -r -F -d 'Trust only these CA certificates.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l fingerprint -x -d 'Trust the server or CA certificate with this fingerprint.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l allow-self-signed -d 'Believe any certificate: for trials only.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -l config -r -F -d 'JSON file with settings.'
complete -c ambassador-client -n '__ambassador_client_at key rotate' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at hosts' -a print -d 'Print what `install` would write, to enter it by hand.'
complete -c ambassador-client -n '__ambassador_client_at hosts' -s o -l output -x -a 'table json' -d 'The format of the answer.'
complete -c ambassador-client -n '__ambassador_client_at hosts print' -l account -x -d 'Account of `login`, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at hosts print' -l config -r -F -d 'JSON file with settings, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at hosts print' -l server -x -d 'Address of the server, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at hosts print' -l ca-file -r -F -d 'CA certificates, named in the entry.'
complete -c ambassador-client -n '__ambassador_client_at hosts print' -a 'claude_code claude_desktop cline codex_cli continue_dev copilot_cli cursor gemini_cli goose junie opencode vscode windsurf zed' -d 'A name from `hosts`.'
