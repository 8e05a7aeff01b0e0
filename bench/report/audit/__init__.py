"""Should the rows be believed?"""
