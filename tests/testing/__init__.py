"""What is shipped for users' own tests, tested."""
