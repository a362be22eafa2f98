"""OpenTelemetry: traces and metrics of this server; imported only where they are configured."""
