"""The toy model of adversarial feature overfitting."""
