"""Metrics: from the log-likelihood of every class to one number per model, task and variant.

The definitions are those of the Inverse Scaling Prize (McKenzie et al. 2023, arXiv:2306.09479), in
float64. With ``lp(c)`` the summed log-likelihood of class ``c``, and no length normalisation:

accuracy
    Share of items with ``argmax_c lp(c)`` = answer. The first class wins ties.
loss
    ``-log softmax_c(lp)[answer]``, in nats.
label_mass
    ``sum_c exp(lp(c))``: how much probability the model gives to the offered answers at all.
sequence_loss
    ``-lp`` of the completion, summed over its tokens, in nats. An item with a single class is a
    sequence item, so a prompts file whose items have one class each is measured by this alone.
distractor_share
    Share answered with the distractor task's answer, among the items that have one.
answer_rate_0, answer_rate_1, ...
    Share of all items answered with the class at that place.
tie_share
    Share of items with several likeliest classes, exactly: the argmax is not unique.
accuracy_ties_against, accuracy_ties_for, accuracy_ties_shared
    Where there are ties, the accuracy with each of them broken against the right answer, for it,
    or counted as 1/m where the right answer is one of m likeliest classes.
unsplit_share
    Share of the task's items that the variant leaves out; its ``n`` counts all items of the task.
parsed_accuracy, unparsed_share, unstopped_share
    Of variants with a reasoning chain: share whose answer, extracted from the chain by rule, is
    right (none extracted counts as wrong), share with none extracted, and share whose chain did not
    end by itself, but at the most tokens that it may have.

Everything here works on arrays of shape (models, items) at once.
"""
