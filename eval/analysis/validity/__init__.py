"""Do metrics rank edits as a judge, or people, do?"""
