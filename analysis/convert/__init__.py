"""Captures for other tools: HAR and flow files of mitmproxy, with identifiers masked on request."""
