"""The custom properties of a contract: what the standard lacks, one module an object that has some."""
