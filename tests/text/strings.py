"""Strings of many scripts."""

from hypothesis import strategies as st

# Below U+0800 Python and TensorFlow know the same characters, whatever Unicode each is of.
ANY = st.text(
    st.characters(max_codepoint=0x7FF) | st.sampled_from("对不起。ラーสวั한각ﾊ�￭ ’\u200d\u202f😀️")
)
MARKS = st.text("aAeEçÇ.'\u0301\u0302\u0323\u0327\u0308\u0345\u0f71\u0f72ᄀ가ᅡᆨᆩ각दν\u09c7\u09beÅΩ각ष़")
