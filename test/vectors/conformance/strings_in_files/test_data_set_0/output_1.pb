
Bboth20x00 is not a zero byte2 line
break	tab"quote"\ 2plain􏿿�߿ࠀ퟿￿2ß µ éé is é26﻿with a byte order mark😀👩‍👩‍👧‍👦27Ελληνικά 日本語 한국어שלום مرحبا27שלום مرحباΕλληνικά 日本語 한국어26😀👩‍👩‍👧‍👦﻿with a byte order mark2é is éß µ é2􏿿�߿ࠀ퟿￿plain2line
break	tab"quote"\  20x00 is not a zero byte