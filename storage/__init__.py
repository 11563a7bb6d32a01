"""Everything we remember. Imports nothing else of ours; records leave this package, rows never do."""
