"""Made-up speech: texts that people say to devices, spoken by free synthetic voices.

``voices`` says who speaks, ``texts`` what, ``engines`` how a program is made to say it, ``sound``
what becomes of it, ``build`` writes sets of it. Synthetic voices teach words that nobody recorded;
they do not replace people.
"""
