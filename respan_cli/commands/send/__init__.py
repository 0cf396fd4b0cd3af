"""`respan send`: a prompt in, an answer out."""
