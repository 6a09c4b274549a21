"""What tests of the engine, of workers and of definitions are built with.

``clock`` a clock moved by hand · ``definitions`` short ways to write definitions ·
``inline`` an engine without threads · ``histories`` recorded histories decided again ·
``store_conformance`` what every store has to do.
"""
