"""The custom properties of a contract, which hold what the standard lacks; one module for each object that has them."""
