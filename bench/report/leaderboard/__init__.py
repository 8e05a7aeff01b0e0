"""The leaderboard: table, text, figures."""
