# a
#b

