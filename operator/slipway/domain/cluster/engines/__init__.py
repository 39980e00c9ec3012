"""What the engines' containers are told in the cluster: one module each, and what is said of all of them."""
