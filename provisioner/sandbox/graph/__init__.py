"""Microsoft Graph v1.0, as far as onboarding a product needs it."""
