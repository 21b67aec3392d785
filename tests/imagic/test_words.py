from __future__ import annotations

import pytest

from imagic.models.cascade import Cascade
from imagic.models.latent import LatentDiffusion
from imagic.models.words import align, align_words, phrase_tokens
from tedbench.errors import UserError

TEXT = "A photo of a Sitting, dog beside Zoë's category-box."


@pytest.fixture(scope="module")
def model():
    return LatentDiffusion.load("picturebook:diffusion")


def read(model, text, positions):
    """The characters that tokens stand for."""
    spans = model.spans(text)
    return [text[slice(*spans[position])] for position in positions]


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("dog", ["dog"]),
        ("DOG.", ["dog"]),
        ("sitting dog", ["Sitting", ",", "dog"]),
        ("a", ["A", "a"]),
        ("photo of", ["photo", "of"]),
    ],
)
def test_a_phrase_is_found_whatever_its_case_and_punctuation(model, phrase, found):
    assert read(model, TEXT, phrase_tokens(TEXT, phrase, model.spans(TEXT))) == found


def test_a_word_of_several_tokens_has_them_all(model):
    assert "".join(dict.fromkeys(read(model, TEXT, phrase_tokens(TEXT, "zoë", model.spans(TEXT))))) == "Zoë"


@pytest.mark.parametrize("phrase", ["cat", "tin", "dog sitting", "...", ""])
def test_what_is_not_in_the_text_as_whole_words_is_refused(model, phrase):
    with pytest.raises(UserError, match=r"is not in .A photo"):
        phrase_tokens(TEXT, phrase, model.spans(TEXT))


def test_a_phrase_that_is_cut_off_is_refused(model):
    text = "a dog and " * 40 + "a bird"
    with pytest.raises(UserError, match="'bird' is cut off"):
        phrase_tokens(text, "bird", model.spans(text))


def test_positions_are_those_of_the_embedding(model):
    spans = model.spans(TEXT)
    assert len(spans) == model.encode_text([TEXT]).tokens.shape[1] and spans[0] == (0, 0)
    assert phrase_tokens("a dog", "dog", model.spans("a dog")) == [2]


def test_the_cascades_texts_are_read_in_lower_case_and_without_space_around():
    text = "  A Sitting Dog. "
    model = Cascade.load(
        "picturebook:cascade/base",
        "picturebook:cascade/upscaler",
        upscaling={"steps": 2, "guidance": 1.0, "noise_level": 100},
    )
    assert [text[a:b] for a, b in model.spans(text) if b > a][:3] == ["A", "Sitting", "Dog"]


def test_texts_are_aligned_by_what_they_share(model):
    before, after = "a photo of a dog.", "a photo of a red cat."
    one, two = model.spans(before), model.spans(after)
    found = align(before, one, after, two)
    assert found.weights.shape == (48, 48)

    def source(position):
        row = found.weights[position]
        return [before[slice(*one[i])] for i in row.nonzero().flatten().tolist()], row.sum().item()

    words = {after[a:b]: source(position) for position, (a, b) in enumerate(two) if b > a}
    assert words["photo"] == (["photo"], 1) and words["."] == (["."], 1)
    assert words["red"] == (["dog"], 0.5) == words["cat"]  # two tokens in the place of one
    same = [after[a:b] for position, (a, b) in enumerate(two) if b > a and found.same[position]]
    assert same == ["a", "photo", "of", "a", "."]
    assert found.same[0] and found.weights[0, 0] == 1  # the start
    end_before, end_after = 7, 8
    assert found.weights[end_after, end_before] == 1 and found.weights[-1].sum() == 1


def test_an_inserted_word_has_no_source(model):
    found = align("a dog", model.spans("a dog"), "a red dog", model.spans("a red dog"))
    assert found.weights[2].sum() == 0 and not found.same[2] and found.weights[3, 2] == 1


def test_equal_texts_are_each_other(model):
    spans = model.spans(TEXT)
    found = align(TEXT, spans, TEXT, spans)
    assert found.same.all() and (found.weights.diagonal() == 1).all() and found.weights.sum() == 48


def test_words_are_aligned_by_their_place(model):
    """A word takes the map of the word in its place, however many tokens both have and wherever else the text has it."""
    before, after = "a photo of a sitting dog.", "a photo of a dog yawning."
    one, two = model.spans(before), model.spans(after)
    found = align_words(before, one, after, two)

    def source(position):
        return "".join(before[slice(*one[i])] for i in found.weights[position].nonzero().flatten().tolist())

    words = {after[a:b]: source(position) for position, (a, b) in enumerate(two) if b > a}
    assert words["photo"] == "photo" and words["dog"] == "sitting" and words["y"] == "dog."
    assert found.weights[:, 6].sum() == 1  # the dog's map is shared by the letters of a word that the tokenizer lacks
    assert [after[a:b] for position, (a, b) in enumerate(two) if b > a and found.same[position]] == [
        "a",
        "photo",
        "of",
        "a",
    ]
    assert found.same[0] and found.weights[0, 0] == 1  # the start
