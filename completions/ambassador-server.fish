# Completion of ambassador-server for fish. Made from its command line by `make docs`; do not edit.

# Succeeds when the command typed so far is the arguments, or with - as argument, when it is no group of commands.
function __ambassador_server_at
    set -l typed
    set -l is_value no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $word
            case --
                break
            case '--*=*'
                continue
            case --data-dir --hostname --mcp --url --user --group --port --admin-port --config --database-url --admin-key-name --host --admin-host --tls --lame-duck --ready-file --anchor --offline --batch
                set is_value yes
                continue
            case '-*'
                continue
        end
        switch "$typed"
            case ''
                contains -- $word quickstart init serve migrate check version audit vault; and set -a typed $word
            case 'audit'
                contains -- $word reindex quarantine anchor verify accept-loss rotate-key; and set -a typed $word
            case 'vault'
                contains -- $word status new-key rotate; and set -a typed $word
        end
    end
    if test "$argv" = -
        not contains -- "$typed" 'audit' 'vault'
    else
        test "$typed" = "$argv"
    end
end

complete -c ambassador-server -f

complete -c ambassador-server -s h -l help -d 'Show the help and exit.'
complete -c ambassador-server -n '__ambassador_server_at' -a quickstart -d 'Set up a server with a first MCP and a first developer, and serve until SIGTERM or Ctrl-C.'
complete -c ambassador-server -n '__ambassador_server_at' -a init -d 'Prepare a data directory and print the first admin key, which is not shown again.'
complete -c ambassador-server -n '__ambassador_server_at' -a serve -d 'Serve the client API and the admin API until SIGTERM or Ctrl-C; running calls get time to finish.'
complete -c ambassador-server -n '__ambassador_server_at' -a migrate -d 'Apply the missing schema migrations; it can safely run repeatedly and concurrently.'
complete -c ambassador-server -n '__ambassador_server_at' -a check -d 'Check what the server needs, from configuration and keys to sandboxes and descriptors; exit 1 if a check fails.'
complete -c ambassador-server -n '__ambassador_server_at' -a version -d 'Print the version.'
complete -c ambassador-server -n '__ambassador_server_at' -a audit -d 'The audit log of this machine.'
complete -c ambassador-server -n '__ambassador_server_at' -a vault -d 'The master keys under which the credentials of users are encrypted.'
complete -c ambassador-server -n '__ambassador_server_at' -s V -l version -d 'Show the version.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l data-dir -x -a '(__fish_complete_directories)' -d 'New directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l hostname -x -d 'Host name of this machine for developers; localhost admits no other machine.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l mcp -x -d 'Name of the first MCP.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l url -x -d 'The first MCP\'s endpoint, if no command.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l user -x -d 'Name of the first developer.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l group -x -d 'Name of the first developer\'s group.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l port -x -d 'Port of the client API.'
complete -c ambassador-server -n '__ambassador_server_at quickstart' -l admin-port -x -d 'Port of the admin API.'
complete -c ambassador-server -n '__ambassador_server_at init' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at init' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at init' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at init' -l hostname -x -d 'Another host name of the server.'
complete -c ambassador-server -n '__ambassador_server_at init' -l admin-key-name -x -d 'Name of the admin key to issue.'
complete -c ambassador-server -n '__ambassador_server_at init' -l new-admin-key -d 'Issue another admin key for a server that has one.'
complete -c ambassador-server -n '__ambassador_server_at init' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l host -x -d 'Address of the client API.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l port -x -d 'Port of the client API.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l admin-host -x -d 'Address of the admin API.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l admin-port -x -d 'Port of the admin API.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l tls -x -a 'on off' -d 'on, or off for loopback only.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l lame-duck -x -d 'Time between SIGTERM and the closing of the ports, in which /ready is 503.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l legacy-sse -d 'Serve hosts that know only the HTTP+SSE of 2024-11-05, too, at /sse.'
complete -c ambassador-server -n '__ambassador_server_at serve' -l ready-file -r -F -d 'File to which the server writes its two ports as JSON when it is ready.'
complete -c ambassador-server -n '__ambassador_server_at migrate' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at migrate' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at migrate' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at check' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at check' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at check' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at check' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a reindex -d 'Rebuild the index of the audit log from the log; a running server then fills the index itself.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a quarantine -d 'Quarantine a broken segment that a start refuses, and continue the log after it; the server must be stopped.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a anchor -d 'Verify the audit log and print the signed end of each writer\'s log, for an auditor to store elsewhere.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a verify -d 'Verify the audit log with the keys of this server, while it runs or not; exit code 1 if it is broken.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a accept-loss -d 'Record that the loss of audit records is accepted, so that the server is ready again; nothing is restored.'
complete -c ambassador-server -n '__ambassador_server_at audit' -a rotate-key -d 'Create the next signing key of the audit log; a server signs with it from its next start.'
complete -c ambassador-server -n '__ambassador_server_at audit reindex' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit reindex' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit reindex' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at audit reindex' -l resume -d 'Continue an interrupted run, instead of emptying the index first.'
complete -c ambassador-server -n '__ambassador_server_at audit quarantine' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit quarantine' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit quarantine' -l dry-run -d 'Say what is broken, and change nothing.'
complete -c ambassador-server -n '__ambassador_server_at audit quarantine' -l yes -d 'Do not ask for a confirmation.'
complete -c ambassador-server -n '__ambassador_server_at audit quarantine' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at audit anchor' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit anchor' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit anchor' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at audit verify' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit verify' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit verify' -l anchor -r -F -d 'Anchors that `audit anchor` printed earlier, all of which the log must have; - reads the input.'
complete -c ambassador-server -n '__ambassador_server_at audit verify' -l offline -r -F -d 'Verify a copy of the audit directory instead.'
complete -c ambassador-server -n '__ambassador_server_at audit verify' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at audit accept-loss' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit accept-loss' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit accept-loss' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at audit rotate-key' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at audit rotate-key' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at audit rotate-key' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at vault' -a status -d 'List the master keys and how many stored values need each; exit code 1 if one is lost.'
complete -c ambassador-server -n '__ambassador_server_at vault' -a new-key -d 'Create the next master key; servers with this data directory encrypt with it at once, and need the old ones.'
complete -c ambassador-server -n '__ambassador_server_at vault' -a rotate -d 'Encrypt all stored values with the newest master key, beside running servers; run it again to go on.'
complete -c ambassador-server -n '__ambassador_server_at vault status' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at vault status' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at vault status' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at vault status' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at vault new-key' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at vault new-key' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at vault new-key' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at vault new-key' -l json -d 'Print JSON for a program to read.'
complete -c ambassador-server -n '__ambassador_server_at vault rotate' -l data-dir -x -a '(__fish_complete_directories)' -d 'Directory of keys, database and audit log.'
complete -c ambassador-server -n '__ambassador_server_at vault rotate' -l config -r -F -d 'YAML file with settings.'
complete -c ambassador-server -n '__ambassador_server_at vault rotate' -l database-url -x -d 'Database to use instead of SQLite in the data directory.'
complete -c ambassador-server -n '__ambassador_server_at vault rotate' -l batch -x -d 'The values of one transaction, for which servers wait. At least 1.'
complete -c ambassador-server -n '__ambassador_server_at vault rotate' -l json -d 'Print JSON for a program to read.'
