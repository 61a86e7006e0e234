"""What the live report is made of: a process that adds up, a view of the sum, and the page that shows it."""
