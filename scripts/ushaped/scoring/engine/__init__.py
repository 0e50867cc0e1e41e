"""Log-likelihoods and generated text of one model: encoding, prefix tree, checks of each method."""
