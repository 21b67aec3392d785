"""The study's page on a server of one's own."""
