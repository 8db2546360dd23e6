import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coppermind_pipeline.crm.markup import without_markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<p>Too <b>slow</b> &amp; no API</p>", "Too slow & no API"),
        ("Smith &amp; Sons", "Smith & Sons"),
        ("<div>First</div><ul><li>a</li><li>b</li></ul>", "First\na\nb"),
        ("Line<br/>break", "Line\nbreak"),
        ('See <a href="https://acme.example">this</a>, please', "See this, please"),
        ("<style>p {color: red}</style><p>Price</p><script>alert(1)</script><!-- no -->", "Price"),
        ("<p><![if !supportLists]>One<![endif]></p>", "One"),
        ("<td>a</td><td>b</td>", "a b"),
        ("&lt;p&gt;", "<p>"),
        ("&amp;amp;", "&amp;"),
    ],
)
def test_markup_is_read_as_a_person_sees_it(text: str, shown: str) -> None:
    assert without_markup(text) == shown


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "budget <10k", "R&D", "AT&T &copy that", "1 <b 2", "<brilliant>", "a;b"]
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert without_markup(text) == text


_PIECES = (
    "<p>",
    "</p>",
    "<![",
    "<!",
    "<?",
    "]>",
    "-->",
    "<!--",
    "&",
    "#8238;",
    "x",
    '"',
    "<a href='",
    "<script>",
    " ",
    "\n",
)


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
@example("<p><![foo[")
def test_reading_markup_never_raises(text: str) -> None:
    assert isinstance(without_markup(text), str)
