document.body.append('fairlead');
