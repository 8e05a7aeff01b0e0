"""The leaderboard: table, texts, figures and page."""
