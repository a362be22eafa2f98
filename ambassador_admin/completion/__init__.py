"""Completes names in a shell: the command `ambassador-admin names KIND [PREFIX [WORD...]]`, called by completions."""
