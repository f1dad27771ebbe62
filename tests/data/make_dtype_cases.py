"""Makes src/dtype/numpy_cases.tsv: what NumPy thinks of each dtype text.

    python tests/data/make_dtype_cases.py > src/dtype/numpy_cases.tsv

A line is: the text, a tab, the itemsize, a tab, what ndshm must print; or the
text, a tab and "!" for a text to refuse. Newlines, tabs and backslashes in the
text are escaped. The printed form is NumPy's descr with two differences: titles
are dropped, and a subarray of a subarray is one subarray. Where NumPy has no
descr (fields out of order or overlapping) it is the dict form.

Run on a little-endian 64-bit machine. Last run with NumPy 2.4.6.
"""

import warnings

import numpy
import numpy as np
from numpy import dtype  # noqa: F401, names that the texts use

warnings.simplefilter("ignore")

# Texts that np.dtype(text) or np.dtype(eval(text)) understands or refuses.
NUMPY = r"""
f8|<f8|>f8|=f8|\|f8|f4|f2|>f2|f08|e|f|d|i1|i2|i4|i8|>i4|=u2|<u8|u1|>u1|\|u1
b|h|i|l|q|p|n|B|H|I|L|Q|P|N|F|D|c|?|b1|bool|bool_|>b1
c8|c16|<c8|>c16|S10|\|S10|a10|>S10|S1|S010|U5|<U5|>U5|U1|V16|\|V16|V1
M8|m8|M|m|<M8|>m8|M8[ns]|<m8[10s]|>M8[us]|M8[Y]|M8[M]|M8[W]|M8[D]|M8[h]|M8[m]|M8[s]|M8[ms]|M8[ps]
M8[fs]|M8[as]|M8[generic]|M8[2147483647s]|datetime64|datetime64[ns]|timedelta64[s]|timedelta64[25us]
int8|int16|int32|int64|uint8|uint16|uint32|uint64|float16|float32|float64|complex64|complex128
int|uint|float|double|single|half|intc|uintc|short|ushort|byte|ubyte|long|ulong|longlong|ulonglong
intp|uintp|int_|complex|csingle|cdouble
i3|i16|f1|f3|c4|c2|b2|u5|M4|m16|B1|h2|l8|d8|?1|x|x8|Float64|float_|i-4|i4 f8|void10|f8[ns]
M8[]|M8[10]|M8[xs]|M8[2147483648s]|M8[ns|M8ns]|S10000000000|U1000000000|(2,3|i4,,f8|,|''|<|>|<(2,)>f8,i4
i4,f8|i4,f8,S3|i4 , f8|i4,|3i4, 2f8|(2,3)f8,S3|<(2,)f8,>3i4|(2,)<f8,i4|1i4,i4|(1,)f8,i4|M8[ns],U3|>i4,=f4,\|S2
b,b,b,b,b,b,b,b,b,b,b,b|()f8,i4|i4,O|i4,f3|i4,(0.5)f8
[('a','i4')]|[('chr','S10'),('pos','<i4'),('xyz','<f4',(3,)),('m','f8',(2,3)),('n',[('a','i4'),('b','f8')]),('k','<f4',3)]
[("a", "i4"), ('b', ">f8"), ]|[('a','i4',),('b','f8',(2,3,),),]|[ ( 'a' , 'i4' ) ]|[('a','f8',1)]|[('a','f8',())]
[('a','f8',[2,3])]|[(('title','name'),'i4'),('b','f8')]|[('x', ('<f4', (2,)))]|[('x', ('<f4', 2))]
[('x', ('<f4', (2,)), (3,))]|[('x', (('<f4', (2,)), (3,)), 4)]|[('x', '2f4', 3)]|[('x', '(2,3)f4')]
[('x', 'i4,f8')]|[('x', 'i4,f8', 2)]|[('x', [('y', [('z', 'f4', (2,))], (3,))], (4, 5))]|[('a','i1'),('n','i1,>i4,3S2')]
[('', 'i4'), ('', 'f8')]|[('a', 'i4'), ('', 'f8')]|[('é', 'i4'), ('日本', 'f8')]|[('a b', 'i4'), ('a,b:c', 'f8')]
[('a\'b', 'i4'), ("c'd", 'f8'), ('e"f', 'u1')]|[('tab\t', 'i4'), ('line\n', 'f8'), ('back\\', 'u1')]
[('\x01\x7f', 'i4'), ('\xa0', 'i4'), ('\u200b', 'f8'), ('\U0001f600', 'i1'), ('\ue000', 'i1')]
[('a', np.float64), ('b', float), ('c', numpy.int16), ('d', bool)]|[('a', dtype('i4')), ('b', np.dtype([('c', 'f8')]))]
[('a', dtype([('x', 'i1'), ('y', 'i4')], align=True)), ('b', 'i1')]
[('a','i4'),('a','f8')]|[('a','i4'),('n',[('b','i4'),('b','i4')])]|['i4']|[['a','i4']]|[('a',)]|[('a','i4',(2,),1)]
[('a','i4')|[('a' 'i4')]|[('a','i4'))|[('a','f8',-1)]|[('a','f8',(2,-1))]|[('a','f8','x')]|[('a','x8')]
[('x', 'S1000', (1000000000,))]|[('x', 'f8', (65536, 65536))]|[(1, 'i4')]|[('a', 'i4' 'f8')]|[('a', 'i4') ('b', 'f8')]
{'names': ['a','b'], 'formats': ['<i4','<f8'], 'offsets': [0,8], 'itemsize': 16}
{'names': ['a','b'], 'formats': ['<i4','<f8'], 'offsets': [0,8], 'itemsize': 16, 'aligned': True}
{'itemsize': 16, 'offsets': [4,8], 'formats': ['i4','f8'], 'names': ['a','b']}|{'names':['a','b'],'formats':['i4','f8']}
{'names':('a','b'),'formats':('i4','f8'),}|{"names":["a","b"],"formats":["i1","i4"],"aligned":True}
{'names':['a','b'],'formats':['i1','i4'],'aligned':False}|{'names':['a','b'],'formats':['i1','i4'],'itemsize':12}
{'names':['a','b'],'formats':['i4','f8'],'offsets':[8,0]}|{'names':['a','b'],'formats':['i4','f8'],'offsets':[0,2]}
{'names':['a','b'],'formats':['i4','f8'],'offsets':[8,0],'itemsize':20}|{'names':['a'],'formats':['f8'],'offsets':[3]}
{'names':['r','g','b'],'formats':['u1','u1','u1'],'offsets':[2,1,0],'itemsize':4}
{'names':['w','lo','hi'],'formats':['<u4','<u2','<u2'],'offsets':[0,0,2]}
{'names':['a','b'],'formats':['i1',('f4',(2,))],'titles':['q',None]}|{'names':['a','b'],'formats':['i1',[('x','i1'),('y','i4')]],'aligned':True}
{'names':['a','n'],'formats':['i1',{'names':['x','y'],'formats':['i1','<i4'],'offsets':[0,4],'itemsize':8}],'offsets':[0,4],'itemsize':16}
{'names':['n','a'],'formats':[{'names':['x','y'],'formats':['i1','<i4'],'offsets':[4,0]},('<f4',(2,3))],'offsets':[24,0]}
[('a', {'names':['x','y'],'formats':['i1','<i4'],'offsets':[4,0],'itemsize':8}, (2,)), ('b', 'i1')]
{'names':['a'],'formats':['i4'],'itemsize':2}|{'names':['a'],'formats':['i4'],'offsets':[-1]}|{'names':['a','b'],'formats':['i4']}
{'names':['a','b'],'formats':['i4','f8'],'offsets':[0]}|{'names':['a','b'],'formats':['i1','i4'],'offsets':[0,2],'aligned':True}
{'names':['a','b'],'formats':['i1','i4'],'offsets':[0,4],'itemsize':10,'aligned':True}|{'names':['a','a'],'formats':['i1','i4']}
{'names':['a','b']}|{'formats':['i4']}|{'names':['a'],'formats':['i4'],'offsets':[0.5]}|{'names':['a'] 'formats':['i4']}
dtype('float64')|dtype('S10')|np.dtype('<M8[ns]')|numpy.dtype('>i4')|dtype([('a', '<i4')])|dtype('i4,f8')|dtype('i1,i4', align=True)
dtype([('a', 'i1'), ('b', '<i4')], align=True)|dtype([('a', 'i1'), ('b', '<i4')], align=False)|dtype([('a', 'i1'), ('b', '<i4')], True)
dtype([('a', 'i1'), ('b', '<i4'), ('n', [('x', 'i1'), ('y', '<i8')])], align=True)
dtype([('a','i1'),('c','c16'),('d','i1'),('u','U3'),('s','S3'),('m','M8[s]'),('h','f2')], align=True)
dtype([('a','i1'),('b','i8',(2,)),('c','i1')], align=True)|dtype([('a','i1'),('n','i1,i4')], align=True)
dtype([('a','i1'),('n',dtype([('x','i1'),('y','i4')]))], align=True)|dtype([('a','u1'),('v','V7'),('f','>c8'),('t','m8')], align=True, copy=True)
dtype({'names': ['a', 'b'], 'formats': ['i1', '<i4'], 'offsets': [0, 4], 'itemsize': 8, 'aligned': True})
dtype({'names': ['a', 'b'], 'formats': ['i1', 'f8']}, align=True)|dtype((numpy.record, [('a', 'i1'), ('b', '<i4')]))
dtype([('a', 'i1')], bogus=True)|dtype([('a', 'i1')]|dtype()
dtype([('a','i1'),('b',[('c','u1'),('d',[('e','u2'),('f','f8',2)],(2,))])], align=True)
"""

# Texts that NumPy reads otherwise or not at all, with what they mean in Python.
OURS = [
    ("chr:S10,pos:i4,xyz:(3)f4,m:(2,3)f8", "[('chr','S10'),('pos','i4'),('xyz','f4',3),('m','f8',(2,3))]"),
    ("n:{a:i4,b:f8}", "[('n',[('a','i4'),('b','f8')])]"),
    ("n:3{a:i4,b:(2){c:>f8}},z:S1", "[('n',[('a','i4'),('b',[('c','>f8')],2)],3),('z','S1')]"),
    ("{a:i4,b:f8}", "[('a','i4'),('b','f8')]"),
    ("x : f8 , y y : 2f4", "[('x','f8'),('y y','f4',2)]"),
    ("# columns\n\nx:f8\ny:i4  # a count\n\n# the end\nz:datetime64[ns]\n", "[('x','f8'),('y','i4'),('z','M8[ns]')]"),
    ("x:f8,\ny:i4,\n", "[('x','f8'),('y','i4')]"),
    ("x:f8\r\ny:i4\r\n", "[('x','f8'),('y','i4')]"),
    ("n:{\n  a:i4\n  b:f8\n}\nz:?", "[('n',[('a','i4'),('b','f8')]),('z','?')]"),
    ("[Fe/H]:f4, (x):f8, 'q':i1 b", "!"),
    ("[Fe/H]:f4,(x):f8,a'b:i1", "[('[Fe/H]','f4'),('(x)','f8'),(\"a'b\",'i1')]"),
    ("größe:f8", "[('größe','f8')]"),
    ("x:<(2,)f8,y:(2,)<f8,z:>i4", "[('x','<f8',2),('y','<f8',2),('z','>i4')]"),
    ("dtype:f8", "[('dtype','f8')]"),
    (" f8\n", "'f8'"),
    ("'f8'", "'f8'"),
    ("\"i4, f8\"", "'i4,f8'"),
    ("np.float64", "'f8'"),
    (">int32", "'>i4'"),
    ("(2)f8,i4", "[('f0','f8',2),('f1','i4')]"),
    ("# a comment\n[('a',  # one\n  'i4'),\n\t('b', 'f8'),\n]\n", "[('a','i4'),('b','f8')]"),
    ("dtype([('a',  # it's (one\n 'i4')], align=True)", "[('a','i4')]"),
    ("{'names': ['a'],  # isn't ] it\n 'formats': ['i4',  # \"four\n]}", "[('a','i4')]"),
    ("[('a','i1'),('','|V3'),('b','<i4'),('','|V4')]", "{'names':['a','b'],'formats':['i1','<i4'],'offsets':[0,4],'itemsize':12}"),
    ("[('','V2'),('a','i1'),('','V2',(3,)),('b','<i4')]", "{'names':['a','b'],'formats':['i1','<i4'],'offsets':[2,9],'itemsize':13}"),
    ("[('n',[('a','i1'),('','V3')],2),('b','i1')]", "[('n',{'names':['a'],'formats':['i1'],'itemsize':4},2),('b','i1')]"),
    ("[('','|V4')]", "!"),
    ("('a','i4')", "!"),
    ("x:f8,y", "!"),
    ("x:f8,,y:i4", "!"),
    ("x:f8 y:i4", "!"),
    (":f8", "!"),
    ("x:", "!"),
    ("x:f8,x:f4", "!"),
    ("x:f8,y:i4;", "!"),
    ("n:{a:i4", "!"),
    ("n:{}", "!"),
    ("n:{a:i4}}", "!"),
    ("x:O", "!"),
    ("", "!"),
    (" \n", "!"),
    ("# nothing\n", "!"),
    ("[]", "!"),
    ("{}", "!"),
    ("{'names':[],'formats':[]}", "!"),
    ("S", "!"),
    ("U", "!"),
    ("V", "!"),
    ("str", "!"),
    ("[('a','S')]", "!"),
    ("O", "!"),
    ("object", "!"),
    ("g", "!"),
    ("f16", "!"),
    ("longdouble", "!"),
    ("c32", "!"),
    ("T", "!"),
    ("2i4", "!"),
    ("(2,)f8", "!"),
    ("1f8", "!"),
    ("dtype(('<f8', (2,)))", "!"),
    ("('<f8', (2,))", "!"),
    ("0i4,i4", "!"),
    ("[('x','f8',(2,0))]", "!"),
    ("[('x','f8',0)]", "!"),
    ("M8[0s]", "!"),
    ("M8[25us/2]", "!"),
    ("[('x','f8',(%s))]" % ("1," * 33), "!"),
    ("[('x','S2000000000'),('y','S2000000000')]", "!"),
    ("{'names':['a'],'formats':['i4'],'bogus':1}", "!"),
    ("{'names':['a'],'formats':['i4','i4']}", "!"),
    ("[('a\\x00', 'i4')]", "!"),
    ("[('a','f8')] x", "!"),
    ("f8 f8", "!"),
    ("[('a'," * 33 + "'i1'" + ")]" * 33, "!"),
    ("[('a'," * 32 + "'i1'" + ")]" * 32, None),
]


def subarray(t):
    """The type inside all subarrays, and their shapes in one."""
    shape = ()
    while t.subdtype:
        t, inner = t.subdtype[0], t.subdtype[1]
        shape += inner
    return t, shape


def quoted(t):
    return text_of(t) if t.names else repr(t.str)


def entry(name, t):
    base, shape = subarray(t)
    return f"({name!r}, {quoted(base)}, {shape})" if shape else f"({name!r}, {quoted(base)})"


def text_of(t):
    if not t.names:
        return t.str
    fields = [(name, *t.fields[name][:2]) for name in t.names]
    entries, end = [], 0
    for name, kind, offset in fields:
        if offset < end:
            return dict_of(t, fields)
        if offset > end:
            entries.append(f"('', '|V{offset - end}')")
        entries.append(entry(name, kind))
        end = offset + kind.itemsize
    if t.itemsize > end:
        entries.append(f"('', '|V{t.itemsize - end}')")
    return f"[{', '.join(entries)}]"


def dict_of(t, fields):
    formats = []
    for _, kind, _ in fields:
        base, shape = subarray(kind)
        formats.append(f"({quoted(base)}, {shape})" if shape else quoted(base))
    names, offsets = [f[0] for f in fields], [f[2] for f in fields]
    return (f"{{'names': {names}, 'formats': [{', '.join(formats)}], "
            f"'offsets': {offsets}, 'itemsize': {t.itemsize}}}")


def of_text(text):
    python = text[:1] in "[{('" and not text[1:2].isdigit() and text[:2] not in ("()", "''")
    if python or "dtype(" in text:
        return np.dtype(eval(text))
    return np.dtype(text)


def line(text, make):
    try:
        t = make()
        if t.hasobject:
            raise TypeError(t)
        expected = f"{t.itemsize}\t{text_of(t)}"
    except Exception:
        expected = "!"
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    print(f"{escaped}\t{expected}")


def main():
    for row in NUMPY.strip().splitlines():
        for text in row.replace(r"\|", "\0").split("|"):
            text = text.replace("\0", "|")
            line(text, lambda text=text: of_text(text))
    for text, means in OURS:
        if means is None:
            line(text, lambda: of_text(text))
        else:
            line(text, lambda: np.dtype(eval(means)))  # "!" does not evaluate


main()
