"""The form of the corpus, put on ordinary text and taken off again."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fmkeras.translation.corpora import textform

texts = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                "I",
                "'s",
                "n't",
                "Mr.",
                "U.S.",
                "it",
                "“",
                "”",
                '"',
                "'",
                "''",
                "``",
                ".",
                "...",
                "…",
                "?",
                "!",
                ",",
                ":",
                "%",
            ]
            + [
                "10,000",
                "10:30",
                "$5",
                "€",
                "(",
                ")",
                "Não",
                "cannot",
                "gonna",
                "’",
                "—",
                "¿",
                " ",
                "\n",
                "á",
                "É",
                "ß",
                "İ",
            ]
        ),
        max_size=12,
    ).map(" ".join),
    st.lists(st.sampled_from(list(" .?!,;:'\"“”‘’()[]«»…—aAbB1\u0130ǆ\x1c\u2028")), max_size=30).map("".join),
)

# Ordinary text, the form of TED, and what comes back if it is not the ordinary text itself.
EXAMPLES = [
    ("en", "I didn't.", "i did n't .", None),
    ("en", "“I didn't,” she said.", "`` i did n't , '' she said .", None),
    ("en", '"I didn\'t," she said.', "`` i did n't , '' she said .", "“I didn't,” she said."),
    ("en", "Wait... what?", "wait ... what ?", None),
    ("en", "Wait… what?", "wait ... what ?", "Wait... what?"),
    ("en", "It's 10:30, and I've $10,000.", "it 's 10:30 , and i 've $ 10,000 .", None),
    ("en", "He’s late; they're here, we'll go, I'd say.", "he 's late ; they 're here , we 'll go , i 'd say .",
     "He's late; they're here, we'll go, I'd say."),
    ("en", "I can't, won't, and don't.", "i ca n't , wo n't , and do n't .", None),
    ("en", "I cannot.", "i can not .", "I can not."),
    ("en", "I'm gonna, wanna, gotta go.", "i 'm gon na , wan na , got ta go .", None),
    ("en", "Mr. Smith met Dr. Jones.", "mr. smith met dr. jones .", "Mr. smith met dr. jones."),
    ("en", "The U.S. government's plan.", "the u.s. government 's plan .", "The u.s. government's plan."),
    ("en", "The U.S. Army left.", "the u.s. army left .", "The u.s. army left."),
    ("en", "George W. Bush lives in the U.S., in L.A., too.",
     "george w. bush lives in the u.s. , in l.a. , too .", "George w. bush lives in the u.s., in l.a., too."),
    ("en", "Cats, dogs etc., too.", "cats , dogs etc. , too .", None),
    ("en", "It was I. He came.", "it was i . he came .", None),
    ("en", "The doctors' idea, 'ruffians'.", "the doctors ' idea , 'ruffians ' .", None),
    ("en", "Half (50%) of it!", "half ( 50 % ) of it !", None),
    ("en", "State-of-the-art — is 3.5 enough?", "state-of-the-art — is 3.5 enough ?", None),
    ("en", "Yes. No. Perhaps?", "yes . no . perhaps ?", None),
    ("pt", "Não funcionou.", "não funcionou .", None),
    ("pt", "O Sr. Silva pagou 10.000 € às 10:30.", "o sr. silva pagou 10.000 € às 10:30 .",
     "O sr. silva pagou 10.000 € às 10:30."),
    ("pt", "Lembro-me, d'água, fê-lo.", "lembro-me , d'água , fê-lo .", None),
    ("pt", "«Olá», disse ela.", "`` olá '' , disse ela .", "“Olá”, disse ela."),
    ("pt", "“Bom dia!”, disse ela. “Tudo bem?”", "`` bom dia ! '' , disse ela . `` tudo bem ? ''", None),
    ("pt", "Ele 's é gonna.", "ele 's é gonna .", None),  # English contractions are English
    ("pt", "", "", None),
    ("en", " \n ", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("language", "ordinary", "ted", "back"), EXAMPLES)
def test_ordinary_text(language, ordinary, ted, back):
    assert textform.apply(ordinary, "ted", language) == ted
    assert textform.undo(ted, "ted", language) == (ordinary if back is None else back)


@pytest.mark.parametrize("language", ["pt", "en"])
def test_undone_and_redone_leaves_ted_unchanged(rehearsal, language):
    column = ("pt", "en").index(language)
    sentences = [pair[column] for pair in rehearsal["validation"]]
    assert len(sentences) == 1_193
    undone = [textform.undo(sentence, "ted", language) for sentence in sentences]
    same = [textform.apply(u, "ted", language) == s for u, s in zip(undone, sentences, strict=True)]
    assert sum(same) >= 0.97 * len(sentences)
    assert sum(u != s for u, s in zip(undone, sentences, strict=True)) > 0.97 * len(sentences), "it does undo something"
    assert not [u for u in undone if re.search(r"``|''| n't| 's\b| [,.?!]( |$)", u) and language == "en"]


@example("ß ŉ", "ted", "en")
@given(texts, st.sampled_from(["plain", "ted"]), st.sampled_from(["pt", "en", ""]))
def test_any_text_goes_through(text, name, language):
    applied = textform.apply(text, name, language)
    undone = textform.undo(text, name, language)
    if name == "plain":
        assert applied == undone == text
    else:
        assert applied == " ".join(applied.split())
        assert textform.undo(applied, name, language) is not None
        letters = lambda t: "".join(c for c in t.lower() if c.isalnum())  # noqa: E731
        assert letters(applied) == letters(text.replace("İ", "i̇"))
        assert letters(undone) == letters(text)
