"""What is said in text: the values that it holds, and what is done with them."""
