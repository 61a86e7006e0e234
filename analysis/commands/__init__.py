"""The commands of `phonehome`, a module each.

A module of a command has `NAME`, `SUMMARY` (one line, for the list), `EPILOG` (examples, exit status),
`configure(parser)` and `run(options) -> exit status`. All of them are imported to build `--help`, so a module
imports what it works with only when it runs.
"""
