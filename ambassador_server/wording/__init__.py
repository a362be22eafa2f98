"""What people are told, in sentences; every face takes the wording from here."""
