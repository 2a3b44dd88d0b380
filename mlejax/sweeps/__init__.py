"""Many runs: laid out, scheduled in lanes, measured, collected, verified, predicted."""
