"""Everything that comes in: what is typed, pressed or visited. No business decisions here."""
