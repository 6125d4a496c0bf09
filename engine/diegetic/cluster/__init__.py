"""A batch on a Ray cluster: the same scenes, the same files, more machines. Ray is imported here and only here.

The machine that is typed at (the driver) has the scenes' folders; no node needs to see its disk. For each scene the
driver sends what is in the folder already, a generator renders it there as it would here, and what is new comes back in
pieces, takes first and the manifest last, each file written and renamed. So a folder is at any time one that a local
render might have left: a node that dies in the middle, even of that, costs what it hadn't sent.
"""
