"""Plan what a request asks for, train and evaluate what is missing, and store the rows."""
