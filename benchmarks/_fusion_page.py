def renew(path, rows):
    pass
