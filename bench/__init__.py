"""What is measured rather than tested: programs to run by hand, through make."""
