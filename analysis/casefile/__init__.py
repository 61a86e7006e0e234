"""The file for an authority: a report in all its forms, how it was made, and a hash of each part, in one archive."""
