"""Slack's Web API, as far as the bot calls it."""
