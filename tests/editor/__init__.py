"""What an editor is told about a document under edit."""
