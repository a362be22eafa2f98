"""Names for a shell to complete: `ambassador-admin names KIND [PREFIX [WORD...]]`, which only completions call."""
