"""The schema's history; one file per step in `versions`, each numbered after the last."""
