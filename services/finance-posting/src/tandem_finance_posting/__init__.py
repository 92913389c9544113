"""Finance events, posting rules, journals and balances."""
