"""tmp"""
def page(state, limits, left_out, *, ended):
    return "<html></html>"
